# shellcheck shell=bash
# Sourced after common.sh, once find_sdk has run: turns assemblies into native code ahead of time (ReadyToRun), as what is installed
# should be. Else each start of the gateway compiles some thousand methods, and keeps what comes of it in memory of its own.

readonly native="$repo/artifacts/native"

# make_native FOLDER...: replaces the assemblies in folders that a gateway loads. What is compiled is kept by what it was compiled of.
make_native() {
  local compiler shared version digest file
  compiler="$(as_caller "$dotnet" msbuild "$repo/scripts/ReadyToRun.proj" -restore -t:ShowCompiler -nologo -v:minimal -tl:off | tail -n 1 | tr -d ' ')" || true
  if [ ! -x "$compiler/crossgen2" ]; then
    printf 'note: the compiler to native code did not come from NuGet; the gateway will compile itself at each start\n' >&2
    return
  fi
  step "compiling to native code"
  shared="$(dotnet_folder)/shared"
  version="$("$dotnet" --list-runtimes | awk '$1 == "Microsoft.NETCore.App" && $2 ~ /^10\./ { v = $2 } END { print v }')"
  mkdir -p "$native"
  find "$@" -name '*.dll' -regextype egrep \
    -regex '.*/(berth|Berth|Docker|Google|Grpc|McMaster|Microsoft\.(Data|Extensions)|Prometheus|SQLitePCLRaw|Spectre|System|xunit)(\.[^/]*)?\.dll' \
    -exec sha256sum {} + >"$native/assemblies"
  sort -u -k 1,1 "$native/assemblies" | while read -r digest file; do
    [ -e "$native/$digest" ] || printf '%s %s\n' "$digest" "$file"
  done | xargs -r -P "$(nproc)" -L 1 bash -c 'compile_one "$@"' "$compiler/crossgen2" "$shared" "$version" "$native"
  while read -r digest file; do
    cmp -s "$native/$digest" "$file" || cp "$native/$digest" "$file"
    touch "$native/$digest"
  done <"$native/assemblies"
  # What no build of a day has used.
  find "$native" -type f -mtime +0 -delete
}

# compile_one SHARED VERSION FOLDER DIGEST ASSEMBLY; its name is the compiler's path, as xargs has it.
compile_one() {
  local compiler="$0" shared="$1" version="$2" folder="$3" target="$3/$4" file="$5" architecture=x64
  [ "$(uname -m)" != aarch64 ] || architecture=arm64
  if ! "$compiler" "$file" -o "$target.new" -r "$shared/Microsoft.NETCore.App/$version/*.dll" -r "$shared/Microsoft.AspNetCore.App/$version/*.dll" \
    -r "$(dirname "$file")/*.dll" --targetos:linux --targetarch:"$architecture" -O >"$target.log" 2>&1; then
    printf 'note: %s stays as it is: %s\n' "$(basename "$file")" "$(grep -m 1 -i error "$target.log")" >&2
    cp "$file" "$target.new"
  fi
  rm -f "$target.log"
  mv "$target.new" "$target"
  # What comes of native code is that code: nobody compiles it again.
  [ -e "$folder/$(digest_of "$target")" ] || ln "$target" "$folder/$(digest_of "$target")"
}

digest_of() { sha256sum <"$1" | cut -d' ' -f1; }
export -f compile_one digest_of
