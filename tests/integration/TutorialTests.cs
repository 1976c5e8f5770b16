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

        Assert.Equal(6, outputs.Count);
        Assert.Contains("the contract is kept", outputs[2], StringComparison.Ordinal);
        Assert.Contains("<testsuites", await File.ReadAllTextAsync(Path.Combine(project.Work, "results.xml"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("acme", outputs[3], StringComparison.Ordinal);
        Assert.Contains("no handler 'acme'", outputs[4], StringComparison.Ordinal);
        Assert.Contains("acme 0.2.0 is in the place of 0.1.0", outputs[5], StringComparison.Ordinal);
        Assert.Contains("acme 0.1.0 is in the place of 0.2.0", outputs[5], StringComparison.Ordinal);
        Assert.Contains("signed by acme-inc", outputs[5], StringComparison.Ordinal);
    }
}
