# Shared by the scripts beside it; not run by itself.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
torch_version=${MBRL_TORCH_VERSION:-2.13.0}
mujoco_version=${MBRL_MUJOCO_VERSION:-4.0.0}
deps_folder=${MBRL_DEPS_FOLDER:-$root/.deps}
# One version everywhere, and one that knows concepts: the layout of two versions is never quite the same.
clang_format_version=18.1.8
# shellcheck disable=SC2034  # read by the scripts that source this
wheel_clang_format=$deps_folder/clang-format-$clang_format_version/clang_format/data/bin/clang-format
# shellcheck disable=SC2034  # read by the scripts that source this
jobs=${MBRL_JOBS:-$(nproc)}

say() { printf '%s\n' "== $*"; }
die() { printf '%s\n' "$(basename "$0"): $*" >&2; exit 2; }
usage() { sed -n '/^# Usage/,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0; }

# Takes --deps's value, or dies with what was expected.
check_deps() {
  case $1 in
    system | latest) ;;
    *) die "--deps was given '$1', expected 'system' or 'latest'" ;;
  esac
}

# Prints the CMake arguments that select a set of dependencies.
deps_arguments() {
  if [[ $1 == latest ]]; then
    printf '%s\n' "-DLibTorch_ROOT=$deps_folder/torch-$torch_version/torch" \
      "-DMuJoCo_ROOT=$deps_folder/mujoco-core-$mujoco_version/mujoco"
  fi
}

# The build folder of a set: build/release or build/latest.
build_folder() { [[ $1 == latest ]] && echo "$root/build/latest" || echo "$root/build/release"; }

# configure SET [cmake arguments]: release preset with that set of dependencies.
configure() {
  local set=$1 arguments
  shift
  mapfile -t arguments < <(deps_arguments "$set")
  (cd "$root" && cmake --preset release -B "$(build_folder "$set")" "${arguments[@]}" "$@")
}
