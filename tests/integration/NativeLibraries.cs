using Berth.Linux;
using Berth.Tests.Support;

namespace Berth.Tests.Integration;

/// <summary>
/// Plugins that bring a library in native code: two of the same name that differ, for each isolation. Their handlers have the plugins' names and tell
/// the library's version as their runtime's.
/// </summary>
internal static class NativeLibraries
{
    /// <summary>What makes them.</summary>
    public const string Compiler = "/usr/bin/clang";

    private static readonly (string Plugin, int Version, string Isolation)[] All =
        [.. from isolation in (string[])[HostileGateway.Process, HostileGateway.InProcess] from version in (int[])[1, 2] select (NameOf(version, isolation), version, isolation)];

    public static string NameOf(int version, string isolation) => HostileGateway.HandlerOf($"native-{version}", isolation);

    /// <summary>Writes their folders, where there is a compiler.</summary>
    public static void Write(string folder)
    {
        if (!File.Exists(Compiler))
        {
            return;
        }

        foreach (var (plugin, version, isolation) in All)
        {
            HostilePlugins.Write(folder, plugin, new Dictionary<string, string> { [plugin] = "brings-a-native-library" }, isolation: isolation, content: target => Compile(target, version));
        }
    }

    private static void Compile(string folder, int version)
    {
        var command = new Command
        {
            Path = Compiler,
            Arguments = ["-shared", "-fPIC", "-x", "c", "-o", Path.Combine(folder, "libhostile-native.so"), "-"],
            Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
        };
        var result = CommandRunner.RunAsync(command, System.Text.Encoding.UTF8.GetBytes($"int hostile_version(void) {{ return {version}; }}"), 4096, CancellationToken.None).GetAwaiter().GetResult();
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException($"clang: {result.Error}");
        }
    }
}
