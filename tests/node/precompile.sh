# shellcheck shell=bash
# Sourced after image.sh: turns the assemblies that run in the guest into native code, as a release would be. Where the
# processor is emulated, compiling them at each start costs more than everything else that they do.

readonly guest_native="$guest/native"

# Replaces the assemblies in folders. What is compiled is kept by what it was compiled of.
precompile() {
  local compiler shared version digest file
  compiler="$(as_caller "$dotnet" msbuild "$repo/tests/node/ReadyToRun.proj" -restore -t:ShowCompiler -nologo -v:minimal -tl:off | tail -n 1 | tr -d ' ')"
  [ -x "$compiler/crossgen2" ] || fail "the compiler to native code did not come from NuGet: $compiler"
  shared="$(dotnet_folder)/shared"
  version="$("$dotnet" --list-runtimes | awk '$1 == "Microsoft.NETCore.App" && $2 ~ /^10\./ { v = $2 } END { print v }')"
  mkdir -p "$guest_native"
  find "$@" -name '*.dll' -regextype egrep \
    -regex '.*/(berth|Berth|Google|Grpc|McMaster|Microsoft\.(Data|Extensions)|Prometheus|SQLitePCLRaw|Spectre|System|xunit)(\.[^/]*)?\.dll' -exec sha256sum {} + >"$guest/assemblies"
  sort -u -k 1,1 "$guest/assemblies" | while read -r digest file; do
    [ -e "$guest_native/$digest" ] || printf '%s %s\n' "$digest" "$file"
  done | xargs -r -P "$(nproc)" -L 1 bash -c 'precompile_one "$@"' "$compiler/crossgen2" "$shared" "$version" "$guest_native"
  while read -r digest file; do
    cp "$guest_native/$digest" "$file"
    touch "$guest_native/$digest"
  done <"$guest/assemblies"
  # What no build of a day has used.
  find "$guest_native" -type f -mtime +0 -delete
}

# precompile_one SHARED VERSION FOLDER DIGEST ASSEMBLY; its name is the compiler's path, as xargs has it.
precompile_one() {
  local compiler="$0" shared="$1" version="$2" target="$3/$4" file="$5" architecture=x64
  [ "$(uname -m)" != aarch64 ] || architecture=arm64
  if ! "$compiler" "$file" -o "$target.new" -r "$shared/Microsoft.NETCore.App/$version/*.dll" -r "$shared/Microsoft.AspNetCore.App/$version/*.dll" \
    -r "$(dirname "$file")/*.dll" --targetos:linux --targetarch:"$architecture" -O >"$target.log" 2>&1; then
    printf 'note: %s stays as it is: %s\n' "$(basename "$file")" "$(grep -m 1 -i error "$target.log")" >&2
    cp "$file" "$target.new"
  fi
  rm -f "$target.log"
  mv "$target.new" "$target"
}
export -f precompile_one
