using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins.Rkt;
using Berth.Tests.Support;

namespace Berth.Tests.Contract;

/// <summary>A pod of rkt's lies on the disk: where, and whether it is locked, is its state.</summary>
public sealed class RktContract
{
    private const int SigKill = 9;

    [Fact]
    public async Task State_IsTheFolderAndTheLock_AtEachStep()
    {
        await using var host = await ContractHost.OpenAsync("rkt", serialised: false);
        var pod = host.NewPod();
        await host.Handler.PrepareSandboxAsync(pod.Request, CancellationToken.None);
        await IsAsync(host, pod, "prepared", "prepared");

        // As a kill leaves it.
        Move(host, pod, "prepared", "embryo");
        await IsAsync(host, pod, "embryo", "embryo");
        Move(host, pod, "embryo", "prepare");
        await IsAsync(host, pod, "prepare", "aborted prepare");
        using (var folder = SafeFd.OpenDirectory(FolderOf(host, pod, "prepare")))
        {
            Assert.True(FileLock.TryTake(folder));
            await IsAsync(host, pod, "prepare", "preparing");
        }

        await pod.StartAsync();
        await IsAsync(host, pod, "run", "running");
        Assert.True(FileLock.IsHeld(FolderOf(host, pod, "run")));
        Assert.Equal("running", (await pod.Sandbox.InfoAsync(CancellationToken.None)).Details["state"]);
        var app = await pod.RunAsync("exit 7");
        Assert.Equal(7, (await app.Init.Exit.Soon()).Code);
        Assert.Equal("7", File.ReadAllText(Path.Combine(FolderOf(host, pod, "run"), "stage1/rootfs/rkt/status", app.Id)).Trim());

        using (var machine = PidFd.TryOpen((await pod.Sandbox.InfoAsync(CancellationToken.None)).Pid))
        {
            machine!.Signal(SigKill);
        }

        await pod.Sandbox.Exit.Soon();
        await IsAsync(host, pod, "run", "exited");
        Assert.False(FileLock.IsHeld(FolderOf(host, pod, "run")));
        Assert.Equal("exited", (await pod.Sandbox.InfoAsync(CancellationToken.None)).Details["state"]);
        Assert.True(File.Exists(Path.Combine(FolderOf(host, pod, "run"), "exit")));
        Move(host, pod, "run", "exited-garbage");
        await IsAsync(host, pod, "exited-garbage", "deleting");
        await pod.DestroyAsync();
        Assert.Empty(Everywhere(host, pod));

        var never = host.NewPod();
        await host.Handler.PrepareSandboxAsync(never.Request, CancellationToken.None);
        Move(host, never, "prepared", "garbage");
        await IsAsync(host, never, "garbage", "garbage");
        await never.DestroyAsync();
        Assert.Empty(Everywhere(host, never));
    }

    [Fact]
    public async Task Check_WithAMachineMakerThatHangs_IsGivenUpAndLeavesNothing()
    {
        var folder = Directory.CreateDirectory($"/run/bc-{Random.Shared.Next():x8}").FullName;
        try
        {
            var hangs = Path.Combine(folder, "nspawn");
            await File.WriteAllTextAsync(hangs, "#!/bin/sh\n[ \"$1\" != --version ] || { echo 'systemd 252 (252)'; exit 0; }\necho >\"$0.began\"\nsleep 1000 & sleep 1000\n");
            File.SetUnixFileMode(hangs, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            var config = new HandlerConfig
            {
                Name = "rkt",
                Options = System.Text.Json.JsonSerializer.SerializeToElement(new { nspawn = hangs }),
                StateDirectory = folder,
                DataDirectory = folder,
                CgroupDriver = TestCgroups.Driver,
            };
            await using var handler = await new RktPlugin().CreateHandlerAsync(config, new NoContext(), CancellationToken.None);
            using var patience = new CancellationTokenSource();
            var check = handler.CheckAsync(patience.Token);
            await Waiting.ExistsAsync(hangs + ".began");
            var trial = Path.GetFileName(Directory.EnumerateDirectories(Path.Combine(folder, "check")).Single());
            Assert.NotEmpty(CgroupsOf(trial));
            await patience.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => check.Soon());
            Assert.Empty(Leftovers.Processes(folder));
            Assert.Empty(Directory.EnumerateDirectories(Path.Combine(folder, "check")));
            Assert.Empty(CgroupsOf(trial));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<string> CgroupsOf(string trial) =>
        CgroupLayout.Detect().Hierarchies.SelectMany(h => Directory.GetDirectories(h.MountPoint, $"berth-check-{trial}"));

    private static string FolderOf(ContractHost host, ContractPod pod, string phase) =>
        Path.Combine(host.DataFolder, "h/pods", phase, Guid.ParseExact(pod.Id[..32], "N").ToString("D"));

    private static IEnumerable<string> Everywhere(ContractHost host, ContractPod pod) =>
        Directory.EnumerateDirectories(Path.Combine(host.DataFolder, "h/pods")).Select(phase => FolderOf(host, pod, Path.GetFileName(phase))).Where(Directory.Exists);

    private static void Move(ContractHost host, ContractPod pod, string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FolderOf(host, pod, to))!);
        Directory.Move(FolderOf(host, pod, from), FolderOf(host, pod, to));
    }

    private static async Task IsAsync(ContractHost host, ContractPod pod, string folder, string state)
    {
        Assert.Equal([FolderOf(host, pod, folder)], Everywhere(host, pod));
        var owned = (await host.Handler.ListOwnedAsync(CancellationToken.None)).Single(o => o.Id == pod.Id);
        Assert.Contains($", {state}: ", owned.Description);
    }

    private sealed class NoContext : IHandlerContext, IPluginLog
    {
        public IPluginLog Log => this;

        public Task SaveStateAsync(string id, StateRecord state, CancellationToken cancellationToken) => Task.CompletedTask;

        public void Write(PluginLogLevel level, string message)
        {
        }
    }
}
