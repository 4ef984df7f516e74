// Called by trunk's start script around the download of the module: tells boot.js how far it is.
export default function loader() {
  const page = window.schedlabPage;
  return {
    onProgress: ({ current, total }) => page.progress(total ? current / total : 0),
    onFailure: (reason) => page.failed(String(reason?.message ?? reason)),
  };
}
