using System.Text.RegularExpressions;
using Berth.Linux;
using Berth.Tests.Support;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>docs/tutorial.md, command by command: template, build, contract suite, a running pod.</summary>
public sealed partial class TutorialTests
{
    private const int MostOutput = 1 << 20;

    [Fact]
    public async Task EveryCommand_OfTheTutorial_Works()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/crun") && File.Exists("/usr/bin/conmon"), "crun and conmon are not installed");
        using var folder = new TempFolder("/var/lib");
        var bin = folder.Folder("bin");
        await File.WriteAllTextAsync(Path.Combine(bin, "berth"), $"#!/bin/sh\nexec '{Repository.DotNet}' '{Repository.Program}' \"$@\"\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(Path.Combine(bin, "berth"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var environment = new Dictionary<string, string>
        {
            ["PATH"] = $"{bin}:{Path.GetDirectoryName(Repository.DotNet)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["BERTH"] = Repository.Root,
            ["BUSYBOX"] = Busybox.Path,
            ["HOME"] = Environment.GetEnvironmentVariable("HOME") ?? "/root",
            // Templates and the package of the contract stay in the test's folder.
            ["DOTNET_CLI_HOME"] = folder.Folder("home"),
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
            ["DOTNET_NOLOGO"] = "1",
        };
        var work = folder.Folder("work");
        var outputs = new List<string>();
        foreach (var block in Blocks().Matches(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs/tutorial.md"), TestContext.Current.CancellationToken)).Select(static m => m.Groups[1].Value))
        {
            outputs.Add(await RunAsync(block, work, environment));
        }

        Assert.Equal(5, outputs.Count);
        Assert.Contains("the contract is kept", outputs[2], StringComparison.Ordinal);
        Assert.Contains("<testsuites", await File.ReadAllTextAsync(Path.Combine(work, "results.xml"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("acme", outputs[3], StringComparison.Ordinal);
        Assert.Contains("no handler 'acme'", outputs[4], StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(string script, string work, Dictionary<string, string> environment)
    {
        // A package that the build restores is not kept for the next run: its version stays the same while its content does not.
        var packages = script.Contains("--source", StringComparison.Ordinal) ? new Dictionary<string, string> { ["NUGET_PACKAGES"] = Path.Combine(work, "cache") } : [];
        var command = new Command
        {
            Path = "/bin/sh",
            Arguments = ["-ec", script],
            WorkingDirectory = work,
            Environment = environment.Concat(packages).ToDictionary(),
        };
        var result = await CommandRunner.RunAsync(command, null, MostOutput, TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, $"{script}\nended with {result.ExitCode}: {result.OutputText}\n{result.Error}");
        return result.OutputText;
    }

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Blocks();
}
