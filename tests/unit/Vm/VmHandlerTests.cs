using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins.Runv;
using Berth.Plugins.Vm;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Vm;

/// <summary>What a handler of virtual machines does where none can run.</summary>
public sealed class VmHandlerTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Mock<IHandlerContext> _context = new();

    public VmHandlerTests()
    {
        foreach (var file in (string[])["vmlinuz", "initramfs"])
        {
            File.WriteAllText(Path.Combine(_folder.Path, file), "");
        }

        _context.Setup(static c => c.Log).Returns(Mock.Of<IPluginLog>());
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void RootFileSystems_AsBlocks_NeedTheProgramThatMakesThem() =>
        Assert.Equal([new("mkfs.erofs", "erofs-utils")], new BlockRootfs().Programs);

    [Fact]
    public async Task Check_WithoutAProgramThatIsNeeded_IsNotReadyAndNamesThePackage()
    {
        await using var handler = Handler(new Lacking());
        var check = await handler.CheckAsync(CancellationToken.None);
        Assert.False(check.Ready);
        Assert.Contains("/nowhere/mkfs.erofs is not in", check.Reason, StringComparison.Ordinal);
        Assert.Contains("erofs-utils", check.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_ThatIsDeniedSomething_LeavesNothingAndSaysWhat()
    {
        _context.Setup(static c => c.SaveStateAsync(It.IsAny<string>(), It.IsAny<StateRecord>(), It.IsAny<CancellationToken>())).ThrowsAsync(new UnauthorizedAccessException("access denied"));
        await using var handler = Handler(new BlockRootfs());
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => handler.StartSandboxAsync(Start(), CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.Unavailable, failure.Code);
        Assert.Contains("access denied", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_folder.Path, "v")));
    }

    [Fact]
    public async Task Restore_OfAMachineThatIsGone_EndsItsContainersHoweverManyThereAre()
    {
        // A start time that no process has.
        var state = new VmState
        {
            SandboxId = Id('a'),
            Folder = Directory.CreateDirectory(Path.Combine(_folder.Path, "v", "gone")).FullName,
            Hypervisor = new(Environment.ProcessId, 1),
            Accelerator = "tcg",
            AcceleratorReason = "",
            Size = new(256, 1),
        };
        await using var handler = Handler(new BlockRootfs());
        var containers = Enumerable.Range(0, 200).Select(i => Container(state.SandboxId, Id((char)('b' + (i % 5)))[..60] + i.ToString("d4"))).ToList();
        var sandbox = await handler.RestoreSandboxAsync(new() { Start = Start(), State = state.ToRecord(), Containers = containers }, CancellationToken.None);
        var ends = Task.WhenAll(containers.Select(c => sandbox.FindContainer(c.Create.ContainerId)!.Init.Exit));
        Assert.All(await ends.WaitAsync(TimeSpan.FromSeconds(30)), static e => Assert.Equal((255, true), (e.Code, e.LostReason is not null)));
        Assert.Equal(255, (await sandbox.Exit.WaitAsync(TimeSpan.FromSeconds(30))).Code);
    }

    [Fact]
    public async Task Update_OfAPodsSize_IsRefusedWhereTheMachineWouldHaveToChange()
    {
        var options = new VmOptions { OverheadMemoryMiB = 128, DefaultMemoryMiB = 256 };
        var state = new VmState { SandboxId = Id('a'), Folder = _folder.Path, Accelerator = "tcg", AcceleratorReason = "", Size = new(128 + 100, 1) };
        var tools = new VmTools
        {
            Options = options,
            StateDirectory = _folder.Path,
            Cgroups = new(CgroupLayout.Detect()),
            Context = _context.Object,
            Supply = new BlockRootfs(),
            Clock = TimeProvider.System,
        };
        await using var sandbox = new VmSandbox(state, new("/nowhere", _context.Object.Log, TimeProvider.System), new(), tools);
        await sandbox.UpdateResourcesAsync(new() { MemoryBytes = 100 << 20, CpuMillis = 500 }, CancellationToken.None);
        var failure = await Assert.ThrowsAsync<RuntimeException>(() => sandbox.UpdateResourcesAsync(new() { MemoryBytes = 200 << 20 }, CancellationToken.None));
        Assert.Equal(RuntimeErrorCode.NotSupported, failure.Code);
        Assert.Contains("228 MiB and 1 processors, which do not change while it runs", failure.Message, StringComparison.Ordinal);
    }

    private static string Id(char digit) => new(digit, 64);

    private static StartSandboxRequest Start() => new()
    {
        Sandbox = new()
        {
            SandboxId = Id('a'),
            Pod = new() { Name = "n", Namespace = "ns", Uid = "u" },
            PrivateDirectory = "/p",
            BundlePath = "/b",
            Hostname = "h",
            Cgroup = new() { Path = "/c", OverheadPath = "/c/o" },
        },
    };

    private RestoreContainer Container(string sandboxId, string id)
    {
        var state = new ContainerState { SandboxId = sandboxId, ContainerId = id, PrivateDirectory = Directory.CreateDirectory(Path.Combine(_folder.Path, "private", id)).FullName };
        return new()
        {
            Create = new()
            {
                SandboxId = sandboxId,
                ContainerId = id,
                Name = "c",
                BundlePath = "/b",
                PrivateDirectory = state.PrivateDirectory,
                Rootfs = new() { Form = RootfsForm.Mounted },
                ImageId = "i",
                Cgroup = new() { Path = "/c", OverheadPath = "/c/o" },
            },
            State = state.ToRecord(),
            Started = true,
        };
    }

    private VmHandler Handler(IRootfsSupply supply)
    {
        var config = new HandlerConfig
        {
            Name = "vm",
            Options = JsonSerializer.SerializeToElement(new { acceleration = "tcg", hypervisor = "/bin/true", guest = _folder.Path }),
            StateDirectory = _folder.Path,
            DataDirectory = _folder.Path,
            CgroupDriver = CgroupDriver.Cgroupfs,
        };
        return new(config, VmOptions.Parse(config), supply, _context.Object, TimeProvider.System);
    }

    // Root file systems that take a program which is not there.
    private sealed class Lacking : IRootfsSupply
    {
        private readonly BlockRootfs _blocks = new();

        public RootfsForm Form => _blocks.Form;

        public bool SharesFolders => _blocks.SharesFolders;

        public IReadOnlyList<NeededProgram> Programs => [new("/nowhere/mkfs.erofs", "erofs-utils")];

        public void Check(CreateContainerRequest request, IReadOnlyList<HostMount> mounts) => _blocks.Check(request, mounts);

        public string? PlanDisk(CreateContainerRequest request) => _blocks.PlanDisk(request);

        public Task<GuestFiles> AddAsync(VmFiles files, CreateContainerRequest request, IReadOnlyList<HostMount> mounts, GuestAgent agent, CancellationToken cancellationToken) =>
            _blocks.AddAsync(files, request, mounts, agent, cancellationToken);

        public Task RemoveAsync(VmFiles files, string containerId, ContainerState? state, CancellationToken cancellationToken) =>
            _blocks.RemoveAsync(files, containerId, state, cancellationToken);
    }
}
