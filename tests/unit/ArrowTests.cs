using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Berth.Tests.Unit;

/// <summary>Dependencies between folders point one way. Each folder of the host names here what it may use.</summary>
public sealed partial class ArrowTests
{
    private static readonly string[] Everywhere = ["Abstractions", "Linux", "Common", "Configuration"];
    private static readonly string[] Ground = ["Plugins", "Network", "State", "Metrics"];

    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Common"] = [],
        ["Configuration"] = [],
        ["State"] = [],
        ["Metrics"] = [],
        ["Network"] = ["State", "Metrics"],
        ["Plugins"] = ["State", "Metrics", "Remoting"],
        ["Cluster"] = ["Plugins"],
        ["Images"] = Ground,
        ["Packages"] = ["Plugins", "Images"],
        // The records of a sandbox and of its containers know each other; what acts on them does not point back.
        ["Sandboxes"] = [.. Ground, "Containers"],
        ["Containers"] = [.. Ground, "Images", "Sandboxes"],
        ["Reload"] = [.. Ground, "Containers", "Sandboxes"],
        ["Streaming"] = [.. Ground, "Containers", "Sandboxes"],
        ["Cri"] = [.. Ground, "Images", "Sandboxes", "Containers", "Streaming"],
        ["Admin"] = [.. Ground, "Images", "Sandboxes", "Containers"],
        ["Cli"] = [.. Ground, "Images", "Sandboxes", "Containers", "Streaming", "Admin", "Packages"],
    };

    [Fact]
    public void HostFolders_UseOnly_WhatLiesBelowThem() => Assert.Empty(
        from file in Sources("host")
        let folder = FolderOf("host", file)
        where folder.Length > 0
        from used in UsedFolders(File.ReadAllText(file))
        where !IsCriClient(file) || used != "Cri"
        where used != folder && !Everywhere.Contains(used) && !Allowed.GetValueOrDefault(folder, []).Contains(used)
        select $"{file} uses Berth.{used}");

    [Fact]
    public void HostFolders_AllHave_TheirArrows() =>
        Assert.Empty(Sources("host").Select(static f => FolderOf("host", f)).Where(static f => f.Length > 0).Distinct().Except(Allowed.Keys));

    [Fact]
    public void CriMessages_AreSeen_InTheCriFolderOnly() => Assert.Empty(
        from file in Sources("host")
        where FolderOf("host", file) != "Cri" && !IsCriClient(file) && File.ReadAllText(file).Contains("Cri.Protos", StringComparison.Ordinal)
        select file);

    [Fact]
    public void SystemCallsAndProcessStarts_AreIn_LinuxOnly() => Assert.Empty(
        from file in Sources("host").Concat(Sources("plugins")).Concat(Sources("abstractions")).Concat(Sources("remoting")).Concat(Sources("pluginhost"))
        where NativeCode.IsMatch(File.ReadAllText(file))
        select file);

    [Fact]
    public void Abstractions_Reference_TheBaseLibraryAlone()
    {
        Assert.Empty(References("abstractions/Berth.Abstractions.csproj"));
        Assert.All(
            typeof(Berth.Abstractions.IRuntimePlugin).Assembly.GetReferencedAssemblies(),
            static a => Assert.StartsWith("System.", a.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void Linux_References_NothingOfOurs() => Assert.Empty(References("linux/Berth.Linux.csproj"));

    [Fact]
    public void RemotingAndThePluginHost_Use_OnlyTheContractLinuxAndTheWire()
    {
        Assert.Empty(
            from file in Sources("remoting").Concat(Sources("pluginhost"))
            from used in UsedFolders(File.ReadAllText(file))
            where used is not ("Abstractions" or "Linux" or "Remoting" or "PluginHost")
            select $"{file} uses Berth.{used}");
        Assert.All(Sources("pluginhost"), static f => Assert.DoesNotContain("Berth.Remoting.Client", File.ReadAllText(f), StringComparison.Ordinal));
        Assert.All(Sources("host"), static f => Assert.DoesNotContain("Berth.PluginHost", File.ReadAllText(f), StringComparison.Ordinal));
    }

    [Fact]
    public void Plugins_ReferenceOf_OursOnlyTheContractAndLinux()
    {
        foreach (var project in Directory.EnumerateFiles(Path.Combine(Repository.Root, "plugins"), "*.csproj", SearchOption.AllDirectories))
        {
            var ours = References(project).Where(static r => r.EndsWith(".csproj", StringComparison.Ordinal)).Select(Path.GetFileNameWithoutExtension);
            Assert.All(ours, static r => Assert.True(r is "Berth.Abstractions" or "Berth.Linux" or "Berth.Logger", r));
        }
    }

    // The demo is a client of the API, as a kubelet is: it meets the gateway through the socket.
    private static bool IsCriClient(string file) => file.Contains("/host/Cli/Up/", StringComparison.Ordinal);

    private static IEnumerable<string> UsedFolders(string source) =>
        OurNames.Matches(source).Select(static m => m.Groups[1].Value).Distinct();

    private static string FolderOf(string project, string file)
    {
        var parts = Path.GetRelativePath(Path.Combine(Repository.Root, project), file).Split('/');
        return parts.Length > 1 ? parts[0] : "";
    }

    private static IEnumerable<string> Sources(string project) =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, project), "*.cs", SearchOption.AllDirectories)
            .Where(static f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal));

    private static IEnumerable<string> References(string project) => XDocument.Load(Path.Combine(Repository.Root, project)).Descendants()
        .Where(static e => e.Name.LocalName is "PackageReference" or "ProjectReference")
        .Select(static e => e.Attribute("Include")!.Value);

    // `using Berth.X;` and, against going around it, `Berth.X.Name` anywhere outside a namespace line.
    [GeneratedRegex(@"(?<!namespace )\bBerth\.(Abstractions|Linux|(?!Tests\b)[A-Z][A-Za-z]+)(?=[.;])(?!\.(sock|db|log)\b)", RegexOptions.CultureInvariant)]
    private static partial Regex OurNames { get; }

    [GeneratedRegex(@"\[(LibraryImport|DllImport)\(|\bProcess\.Start\(|\bnew Process(StartInfo)?\b", RegexOptions.CultureInvariant)]
    private static partial Regex NativeCode { get; }
}
