using System.IO.Compression;
using Xunit;

namespace Berth.Tests.Integration;

/// <summary>docs/tutorial.md, command by command: template, build, contract suite, a running pod, releases.</summary>
[Collection(VendorCollection.Name)]
public sealed class TutorialTests(VendorProject project)
{
    [Fact]
    public async Task EveryCommand_OfTheTutorial_Works()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/crun") && File.Exists("/usr/bin/conmon"), "crun and conmon are not installed");
        var outputs = new List<string>(await project.BuildAsync());
        foreach (var block in project.Blocks.Skip(outputs.Count))
        {
            outputs.Add(await project.RunAsync(block));
        }

        AssertPackage(Assert.Single(Directory.GetFiles(Path.Combine(project.Work, "feed"), "Berth.Abstractions.*.nupkg")));
        // A handler whose runtime is not there has kept nothing.
        var unready = await project.RunAsync("""! berth plugin test plugins/acme --busybox "$BUSYBOX" --only Check --options '{"acme":{"runtime":"/nowhere/crun"}}'""");
        Assert.Contains("acme is not ready: ", unready, StringComparison.Ordinal);
        Assert.EndsWith("the contract is not kept\n", unready, StringComparison.Ordinal);

        Assert.Equal(6, outputs.Count);
        Assert.Contains("the contract is kept", outputs[2], StringComparison.Ordinal);
        Assert.Contains("<testsuites", await File.ReadAllTextAsync(Path.Combine(project.Work, "results.xml"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("acme", outputs[3], StringComparison.Ordinal);
        Assert.Contains("no handler 'acme'", outputs[4], StringComparison.Ordinal);
        Assert.Contains("acme 0.2.0 is in the place of 0.1.0", outputs[5], StringComparison.Ordinal);
        Assert.Contains("acme 0.1.0 is in the place of 0.2.0", outputs[5], StringComparison.Ordinal);
        Assert.Contains("signed by acme-inc", outputs[5], StringComparison.Ordinal);
    }

    // What a vendor's editor shows: the words about every member, and about the whole.
    private static void AssertPackage(string path)
    {
        using var package = ZipFile.OpenRead(path);
        Assert.Contains("IRuntimePlugin", Text("README.md"), StringComparison.Ordinal);
        Assert.Contains("<readme>README.md</readme>", Text("Berth.Abstractions.nuspec"), StringComparison.Ordinal);
        var documentation = package.Entries.Single(static e => e.FullName.StartsWith("lib/", StringComparison.Ordinal) && e.FullName.EndsWith("/Berth.Abstractions.xml", StringComparison.Ordinal));
        Assert.Contains("M:Berth.Abstractions.IRuntimePlugin.CreateHandlerAsync", Text(documentation.FullName), StringComparison.Ordinal);

        string Text(string name)
        {
            using var reader = new StreamReader(package.GetEntry(name)!.Open());
            return reader.ReadToEnd();
        }
    }
}
