using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>The programs that the handler starts, by their absolute paths.</summary>
internal sealed class Programs(RktOptions options)
{
    public string Nspawn => Find(options.Nspawn, "nspawn", "systemd-container");

    public string Init => FindShared(options.Init, "init", "catatonit");

    public string Monitor => FindShared(options.Monitor, "monitor", "conmon");

    public string Runtime => FindShared(options.Runtime, "runtime", "crun");

    public string Nsenter => FindShared(options.Nsenter, "nsenter", "util-linux");

    public string Setpriv => FindShared(options.Setpriv, "setpriv", "util-linux");

    /// <summary>All of them, or the failure of the first that is missing.</summary>
    public IReadOnlyList<string> All() => [Nspawn, Init, Monitor, Runtime, Nsenter, Setpriv];

    // Stage 1 sees the host's /usr and nothing else of the host.
    private static string FindShared(string name, string option, string package)
    {
        var path = Find(name, option, package);
        return RealPath.Find(path)?.StartsWith("/usr/", StringComparison.Ordinal) == true ? path : throw RuntimeException.Unavailable(
            $"'{path}' does not lie beneath /usr, the only folder that a pod's stage 1 shares with the host: install the package {package}");
    }

    private static string Find(string name, string option, string package) => Executable.Find(name) ?? throw RuntimeException.Unavailable(
        $"'{name}' is not in {Executable.SearchPath}: install the package {package} (Debian: apt-get install {package}) or set the option '{option}'");
}
