using Berth.Cri.Protos;
using Berth.Linux;
using Berth.Tests.Support;
using Grpc.Core;
using Xunit;

namespace Berth.Tests.Integration;

public sealed class MountTests(Suite suite)
{
    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Mount_FolderAndFile_AreShared(string handler)
    {
        using var folder = new TempFolder();
        folder.File("given", "from the node");
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", "cat /data/given; echo; cat /etc/one; echo; echo back > /data/taken");
        container.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/data" });
        container.Mounts.Add(new Mount { HostPath = folder["given"], ContainerPath = "/etc/one", Readonly = true });
        Assert.Equal("from the node\nfrom the node", await pod.OutputAsync(container));
        Assert.Equal("back\n", await File.ReadAllTextAsync(folder["taken"]));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Mount_ReadOnly_RefusesWrites(string handler)
    {
        using var folder = new TempFolder();
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", "touch /data/x 2>/dev/null && echo written || echo refused");
        container.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/data", Readonly = true });
        Assert.Equal("refused", await pod.OutputAsync(container));
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Mount_RecursivelyReadOnly_RefusesWritesBeneathToo(string handler)
    {
        await suite.RequireAsync(handler);
        var advertised = Assert.Single((await suite.Client.Runtime.StatusAsync(new())).RuntimeHandlers, h => h.Name == handler).Features.RecursiveReadOnlyMounts;
        using var folder = new TempFolder();
        Mounts.Tmpfs(folder.Folder("nested"), 1 << 20, "755");
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", "for d in /plain /all; do touch $d/nested/x 2>/dev/null && echo written || echo refused; done");
        container.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/plain", Readonly = true });
        container.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/all", Readonly = true, RecursiveReadOnly = true });
        if (advertised)
        {
            Assert.Equal("written\nrefused", await pod.OutputAsync(container));
        }
        else
        {
            Assert.StartsWith("RROUnsupported", (await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(container))).Status.Detail, StringComparison.Ordinal);
        }
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Mount_Options_AreThoseOfTheMount(string handler)
    {
        await suite.RequireAsync(handler, "mount options");
        using var folder = new TempFolder();
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Script("look", "awk '$2 == \"/data\" {print $4}' /proc/mounts");
        container.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/data", MountOptions = { "noexec", "nodev", "nosuid" } });
        var options = (await pod.OutputAsync(container)).Split(',');
        Assert.Equal(["nodev", "noexec", "nosuid", "rw"], options.Intersect(["noexec", "nodev", "nosuid", "rw"]).Order());
    }

    [Fact]
    public async Task Mount_Status_ListsThem()
    {
        using var folder = new TempFolder();
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/data", Readonly = true });
        var id = await pod.CreateAsync(container);
        Assert.Contains((await pod.StatusAsync(id)).Mounts, m => m.HostPath == folder.Path && m.ContainerPath == "/data" && m.Readonly);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Propagation_HostToContainer_BringsLaterMounts(string handler)
    {
        using var shared = SharedFolder();
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Idle();
        container.Mounts.Add(new Mount { HostPath = shared.Path, ContainerPath = "/data", Propagation = MountPropagation.PropagationHostToContainer });
        var id = await pod.StartAsync(container);
        Mounts.Tmpfs(shared.Folder("later"), 1 << 20, "755");
        shared.File("later/note", "seen");
        Assert.Equal("seen", (await pod.ExecAsync(id, "cat", "/data/later/note")).Output);
    }

    [Theory, MemberData(nameof(Suite.OciRuntimes), MemberType = typeof(Suite))]
    public async Task Propagation_Private_DoesNot(string handler)
    {
        using var shared = SharedFolder();
        await using var pod = await suite.PodAsync(handler);
        var container = Requests.Idle();
        container.Mounts.Add(new Mount { HostPath = shared.Path, ContainerPath = "/data" });
        var id = await pod.StartAsync(container);
        Mounts.Tmpfs(shared.Folder("later"), 1 << 20, "755");
        shared.File("later/note", "seen");
        Assert.NotEqual(0, (await pod.ExecAsync(id, "cat", "/data/later/note")).Code);
    }

    [Theory, MemberData(nameof(Suite.Handlers), MemberType = typeof(Suite))]
    public async Task Propagation_Bidirectional_BringsTheContainersMountsToTheNode(string handler)
    {
        await suite.RequireAsync(handler, "privileged");
        await suite.RequireAsync(handler, "mount propagation to the host");
        using var shared = SharedFolder();
        shared.Folder("inner");
        await using var pod = await suite.PodAsync(handler, static c => c.Linux.SecurityContext.Privileged = true);
        var container = Requests.Idle();
        container.Linux.SecurityContext.Privileged = true;
        container.Mounts.Add(new Mount { HostPath = shared.Path, ContainerPath = "/data", Propagation = MountPropagation.PropagationBidirectional });
        var id = await pod.StartAsync(container);
        Assert.Equal(0, (await pod.ExecAsync(id, "sh", "-c", "mount -t tmpfs none /data/inner && echo made > /data/inner/note")).Code);
        Assert.Equal("made\n", await File.ReadAllTextAsync(shared["inner/note"]));
    }

    [Fact]
    public async Task Propagation_SourceNotShared_IsRefusedWithTheRemedy()
    {
        using var folder = new TempFolder("/dev/shm");
        Mounts.Tmpfs(folder.Path, 1 << 20, "755");
        Mounts.MakePrivate(folder.Path);
        await using var pod = await suite.PodAsync();
        var container = Requests.Idle();
        container.Mounts.Add(new Mount { HostPath = folder.Path, ContainerPath = "/data", Propagation = MountPropagation.PropagationBidirectional });
        var error = await Assert.ThrowsAsync<RpcException>(() => pod.CreateAsync(container));
        Assert.Contains("shared", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mount_MissingSource_IsMadeOrNamed()
    {
        using var folder = new TempFolder();
        await using var pod = await suite.PodAsync();
        var container = Requests.Script("look", "ls -d /data");
        container.Mounts.Add(new Mount { HostPath = folder["absent"], ContainerPath = "/data" });
        try
        {
            // The older kubelets rely on the runtime to make the folder.
            Assert.Equal("/data", await pod.OutputAsync(container));
            Assert.True(Directory.Exists(folder["absent"]));
        }
        catch (RpcException e)
        {
            Assert.Contains(folder["absent"], e.Status.Detail, StringComparison.Ordinal);
        }
    }

    private static TempFolder SharedFolder()
    {
        var folder = new TempFolder();
        Mounts.Tmpfs(folder.Path, 1 << 20, "755");
        Mounts.MakeShared(folder.Path);
        return folder;
    }
}
