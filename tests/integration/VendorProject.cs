using System.Text.RegularExpressions;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>
/// What docs/tutorial.md makes in its first two steps, a project from the template and its build: for the tests that go on from there.
/// </summary>
public sealed partial class VendorProject : IDisposable
{
    private const int MostOutput = 1 << 20;
    private const int StepsToTheBuild = 2;

    private readonly TempFolder _folder = new("/var/lib");
    private readonly Dictionary<string, string> _environment;
    private readonly List<string> _outputs = [];

    public VendorProject()
    {
        var bin = _folder.Folder("bin");
        var berth = _folder.File("bin/berth", $"#!/bin/sh\nexec '{Repository.DotNet}' '{Repository.Program}' \"$@\"\n");
        File.SetUnixFileMode(berth, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _environment = new()
        {
            ["PATH"] = $"{bin}:{Path.GetDirectoryName(Repository.DotNet)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["BERTH"] = Repository.Root,
            ["BUSYBOX"] = Busybox.Path,
            ["HOME"] = Environment.GetEnvironmentVariable("HOME") ?? "/root",
            // Templates stay in the tests' folder, and so do packages: that of the contract keeps its version while its content changes.
            ["DOTNET_CLI_HOME"] = _folder.Folder("home"),
            ["NUGET_PACKAGES"] = _folder.Folder("cache"),
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
            ["DOTNET_NOLOGO"] = "1",
        };
        Blocks = [.. ShellBlocks().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs/tutorial.md"))).Select(static m => m.Groups[1].Value)];
    }

    /// <summary>The tutorial's commands, step by step.</summary>
    public IReadOnlyList<string> Blocks { get; }

    /// <summary>Where they run.</summary>
    public string Work => _folder.Folder("work");

    public void Dispose() => _folder.Dispose();

    /// <summary>Runs the steps up to the build, unless another test has; what they said.</summary>
    public async Task<IReadOnlyList<string>> BuildAsync()
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(Path.GetDirectoryName(Repository.DotNet)!, "sdk")), "the .NET SDK, which builds a vendor's plugin, is not here");
        while (_outputs.Count < StepsToTheBuild)
        {
            _outputs.Add(await RunAsync(Blocks[_outputs.Count]));
        }

        return _outputs;
    }

    /// <summary>Runs a script as a reader of the tutorial would.</summary>
    public async Task<string> RunAsync(string script)
    {
        var command = new Command { Path = "/bin/sh", Arguments = ["-ec", script], WorkingDirectory = Work, Environment = _environment };
        var result = await CommandRunner.RunAsync(command, null, MostOutput, TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, $"{script}\nended with {result.ExitCode}: {result.OutputText}\n{result.Error}");
        return result.OutputText;
    }

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex ShellBlocks();
}

/// <summary>The tests that share it.</summary>
[CollectionDefinition(Name)]
public sealed class VendorCollection : ICollectionFixture<VendorProject>
{
    public const string Name = "vendor";
}
