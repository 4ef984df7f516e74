# Finds and installs the tools that building and testing the page need. Sourced by `serve` and
# `test`. Everything comes through the ordinary package clients (rustup, cargo, npm, apt); what is
# there in the right version is left alone.

TOOLS="$PWD/.tools"
export PATH="$TOOLS/bin:$TOOLS/node_modules/.bin:$PATH"
OFFLINE=${OFFLINE:-}
TRUNK_VERSION=0.21.14

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Announces an installation, or stops when none is allowed.
announce() { # what, how long
  [ -z "$OFFLINE" ] || fail "$1 is missing and --offline forbids installing it"
  say "Installing $1 ($2)"
}

need_rust() {
  have cargo && have rustup || fail "Rust is missing: install it from https://rustup.rs, then run this again"
}

need_wasm_target() {
  local libdir
  libdir=$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)
  [ -d "$libdir" ] && return
  announce "the Rust target wasm32-unknown-unknown" "seconds"
  rustup target add wasm32-unknown-unknown || fail "rustup could not add the target"
}

need_component() { # name, command to try
  cargo "$2" --version >/dev/null 2>&1 && return
  announce "the Rust component $1" "seconds"
  rustup component add "$1" || fail "rustup could not add $1"
}

# A release build with little optimisation: these are tools, not hot loops.
cargo_install() {
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_TARGET_DIR="$TOOLS/build" cargo install "$@" || fail "cargo install $1 did not succeed"
}

need_trunk() {
  have trunk && return
  announce "trunk $TRUNK_VERSION" "about 6 minutes on two cores"
  cargo_install trunk --locked --version "$TRUNK_VERSION"
}

# The command must have exactly the version of the library in Cargo.lock.
need_wasm_bindgen() {
  local wanted found
  wanted=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/version = |"/, ""); print }' Cargo.lock)
  found=$(wasm-bindgen --version 2>/dev/null | awk '{ print $2 }')
  if [ "$found" = "$wanted" ] && have wasm-bindgen-test-runner; then return; fi
  announce "wasm-bindgen $wanted" "about 2 minutes on two cores; found: ${found:-none}"
  if [ -z "$found" ]; then
    cargo_install wasm-bindgen-cli --version "$wanted"
  else
    # Another version stays where it is, for whoever needs it.
    cargo_install wasm-bindgen-cli --version "$wanted" --root "$TOOLS"
  fi
}

need_node() {
  have node && have npm && return
  need_packages nodejs npm
  have node && have npm || fail "Node.js 18 or later with npm is missing: https://nodejs.org"
}

# Versions below 116 produce modules that do not start.
need_wasm_opt() {
  local version
  version=$(wasm-opt --version 2>/dev/null | grep -o '[0-9]\+' | head -1)
  [ "${version:-0}" -ge 116 ] && return
  need_node
  announce "wasm-opt (binaryen) into .tools" "half a minute; found version: ${version:-none}"
  mkdir -p "$TOOLS"
  npm install --prefix "$TOOLS" --no-audit --no-fund --silent binaryen || fail "npm could not install binaryen"
}

# Packages of the system, where apt is there and we may use it.
need_packages() {
  local admin=""
  [ "$(id -u)" = 0 ] || admin="sudo -n"
  if have apt-get && { [ -z "$admin" ] || sudo -n true 2>/dev/null; }; then
    announce "$*" "about a minute"
    $admin apt-get update -qq && DEBIAN_FRONTEND=noninteractive $admin apt-get install -y -qq "$@" >/dev/null ||
      fail "apt-get could not install $*"
  else
    fail "missing: $* (Debian's names). Install them with your package manager, then run this again"
  fi
}

find_chromium() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [ -n "$name" ] && have "$name"; then command -v "$name"; return; fi
  done
}

need_browser() {
  local packages=()
  [ -n "$(find_chromium)" ] || packages+=(chromium)
  have chromedriver || packages+=(chromium-driver)
  [ ${#packages[@]} -eq 0 ] || need_packages "${packages[@]}"
  CHROMIUM=$(find_chromium)
  export CHROMIUM
}

need_display_and_vulkan() {
  local packages=()
  have Xvfb || packages+=(xvfb)
  have brotli || packages+=(brotli)
  if [ "$(uname -s)" = Linux ]; then
    compgen -G "/usr/share/vulkan/icd.d/*.json" >/dev/null || packages+=(mesa-vulkan-drivers libvulkan1)
    ldconfig -p 2>/dev/null | grep libxkbcommon-x11 >/dev/null || packages+=(libxkbcommon-x11-0)
    ldconfig -p 2>/dev/null | grep libXcursor >/dev/null || packages+=(libxcursor1)
    ldconfig -p 2>/dev/null | grep libXi.so >/dev/null || packages+=(libxi6)
  fi
  [ ${#packages[@]} -eq 0 ] || need_packages "${packages[@]}"
}

need_playwright() {
  need_node
  local wanted
  wanted=$(node -p 'require("./tests/e2e/package.json").devDependencies["playwright-core"]')
  local found
  found=$(node -p 'require("./tests/e2e/node_modules/playwright-core/package.json").version' 2>/dev/null)
  [ "$found" = "$wanted" ] && return
  announce "playwright-core $wanted (drives Chromium; downloads no browser)" "seconds"
  npm ci --prefix tests/e2e --no-audit --no-fund --silent || fail "npm could not install playwright-core"
}
