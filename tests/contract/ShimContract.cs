using System.Globalization;
using Berth.Linux;
using Berth.Tests.Contract.Handlers;

namespace Berth.Tests.Contract;

/// <summary>What is a shim's own: a pod that a container of the shim's holds, and a container whose shim is gone.</summary>
public sealed class ShimContract
{
    private const int SigKill = 9;

    [Fact]
    public async Task SandboxContainer_HoldsThePod_IsRestored_AndEndsIt()
    {
        await using var host = await OpenAsync(new HeldShimUnderTest("shim-v2-held"));
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("sleep 1000");
        var holder = (await pod.Sandbox.InfoAsync(CancellationToken.None)).Pid;
        Assert.NotEqual(container.Init.Pid, holder);
        Assert.Contains("while :; do sleep 3600; done", File.ReadAllText($"/proc/{holder}/cmdline"), StringComparison.Ordinal);
        Assert.Equal((0, "alive\n"), await pod.ExecAsync(container, "echo", "alive"));

        await host.RestartAsync();
        await pod.RestoreAsync();
        Assert.Equal(holder, (await pod.Sandbox.InfoAsync(CancellationToken.None)).Pid);
        Assert.Equal((0, "alive\n"), await pod.ExecAsync(pod.Sandbox.FindContainer(container.Id)!, "echo", "alive"));
        Assert.False(pod.Sandbox.Exit.IsCompleted);
        Kill(holder);
        Assert.Equal(137, (await pod.Sandbox.Exit.Soon()).Code);
        await pod.DestroyAsync();
        Assert.Equal("", string.Join("; ", host.Remains()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Destroy_OfAContainerWhoseShimIsGone_HasTheShimsProgramCleanUp(bool held)
    {
        await using var host = await OpenAsync(held ? new HeldShimUnderTest("shim-v2-held") : new ShimUnderTest());
        var pod = await host.StartPodAsync();
        var container = await pod.RunAsync("sleep 1000");
        Assert.NotEmpty(RuntimeFolders(container.Id));
        var shim = (await host.Handler.ListOwnedAsync(CancellationToken.None)).Single(static o => o.Kind == "shim");
        await host.KillAsync();
        Kill(int.Parse(shim.Description.AsSpan("pid ".Length), CultureInfo.InvariantCulture));
        await host.ReviveAsync();
        await pod.DestroyAsync();
        Assert.Empty(RuntimeFolders(container.Id));
        Assert.Empty(RuntimeFolders(pod.Id));
        Assert.Equal("", string.Join("; ", host.Remains()));
    }

    private static Task<ContractHost> OpenAsync(HandlerUnderTest under)
    {
        Assert.SkipUnless(HandlerUnderTest.All.Any(static h => h.Name == "shim-v2"), "shim-v2 is not under test");
        return ContractHost.OpenAsync(under, serialised: false);
    }

    // What runc keeps of a container, wherever its root is.
    private static IEnumerable<string> RuntimeFolders(string id) =>
        Directory.EnumerateFiles("/run", "state.json", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Where(file => file.Contains(id, StringComparison.Ordinal));

    private static void Kill(int pid)
    {
        using var process = PidFd.TryOpen(pid);
        Assert.True(process!.Signal(SigKill));
    }
}
