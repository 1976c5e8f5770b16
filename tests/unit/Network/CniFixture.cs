using Berth.Configuration;
using Berth.Linux;
using Berth.Network;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Unit.Network;

/// <summary>A folder with plugins that are shell scripts, and an invoker that finds them there.</summary>
public sealed class CniFixture : IDisposable
{
    public CniFixture() => Directory.CreateDirectory(BinDir);

    public string Root { get; } = Directory.CreateTempSubdirectory("berth-cni-").FullName;

    public string BinDir => Path.Combine(Root, "bin");

    /// <summary>What the scripts noted in <c>$LOG</c>.</summary>
    public IReadOnlyList<string> Log => File.Exists(LogPath) ? File.ReadAllLines(LogPath) : [];

    private string LogPath => Path.Combine(Root, "log");

    public void Script(string name, string body)
    {
        var path = Path.Combine(BinDir, name);
        File.WriteAllText(path, $"#!/bin/sh\nLOG={LogPath}\nDIR={Root}\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public NetworkOptions Options => new() { ConfDir = Root, BinDirs = [BinDir, "/usr/lib/cni"] };

    public CniInvoker Invoker(TimeSpan? timeLimit = null) =>
        new(Options, TimeProvider.System, NullLogger<CniInvoker>.Instance) { TimeLimit = timeLimit ?? TimeSpan.FromSeconds(30) };

    /// <summary>A list of plugins by type, or by JSON where the text begins with a brace.</summary>
    public static string List(params string[] plugins) => ListOf("1.0.0", plugins);

    public static string ListOf(string version, params string[] plugins) =>
        $$"""{"cniVersion":"{{version}}","name":"net","plugins":[{{string.Join(',', plugins.Select(static p => p.StartsWith('{') ? p : $$"""{"type":"{{p}}"}"""))}}]}""";

    public static CniRequest Request(string configJson, string? netns = "/proc/self/ns/net") => new()
    {
        SandboxId = "0123456789abcdef",
        NetnsPath = netns,
        PodName = "web",
        PodNamespace = "default",
        PodUid = "uid-1",
        ConfigJson = configJson,
    };

    public void Dispose()
    {
        MountTable.UnmountBeneath(Root);
        Directory.Delete(Root, recursive: true);
    }
}
