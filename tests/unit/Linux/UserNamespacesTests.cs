using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class UserNamespacesTests : IDisposable
{
    private static readonly IdRange Ids = new(0, 300_000, 65_536);

    private readonly string _folder = Directory.CreateTempSubdirectory("berth-users-").FullName;

    [Fact]
    public async Task Create_PinsAll_OwnedByIt_WithNameSysctlsAndLoopback()
    {
        var pins = new NamespacePins
        {
            User = User(),
            Network = Pin("net"),
            Ipc = Pin("ipc"),
            Uts = Pin("uts"),
            Hostname = "pod-two",
            Sysctls = [new("net/ipv4/ip_unprivileged_port_start", "82"), new("kernel/msgmax", "9000"), new("fs/mqueue/msg_max", "20")],
        };

        await UserNamespaces.CreateAsync(pins, CancellationToken.None);

        Assert.Equal(["ipc", "net", "user", "uts"], MountTable.Beneath(_folder).Select(m => Path.GetFileName(m.MountPoint)).Order());
        var seen = await InsideAsync("id -u; hostname; cat /proc/self/uid_map /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max; ip link show lo");
        Assert.Matches(@"\A0\npod-two\n\s+0\s+300000\s+65536\n82\n9000\n20\n.*LOOPBACK,UP", seen);
    }

    [Fact]
    public async Task Create_Refused_HasTheKernelsWords()
    {
        var user = User() with { Uids = new(0, 300_000, 0) };
        var failure = await Assert.ThrowsAsync<LinuxException>(() => UserNamespaces.CreateAsync(new() { User = user }, CancellationToken.None));
        Assert.Contains("Invalid argument", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task IdMappedBind_Folder_ShowsMappedOwnersAndWritesThemBack()
    {
        var user = User();
        await UserNamespaces.CreateAsync(new() { User = user }, CancellationToken.None);
        var source = Directory.CreateDirectory(Path.Combine(_folder, "source")).FullName;
        var target = Directory.CreateDirectory(Path.Combine(_folder, "target")).FullName;
        File.WriteAllText(Path.Combine(source, "file"), "x");

        IdMappedMounts.Bind(source, target, user.Path);

        Assert.Equal(300_000u, FileStatus.Find(Path.Combine(target, "file"))!.Value.Uid);
        Assert.Equal(0u, FileStatus.Find(Path.Combine(source, "file"))!.Value.Uid);
    }

    [Fact]
    public async Task IdMappedBind_FileSystemWithoutMappings_IsRefused()
    {
        var user = User();
        await UserNamespaces.CreateAsync(new() { User = user }, CancellationToken.None);
        var target = Directory.CreateDirectory(Path.Combine(_folder, "target")).FullName;
        var failure = Assert.Throws<LinuxException>(() => IdMappedMounts.Bind("/sys", target, user.Path));
        Assert.Contains("/sys", failure.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        MountTable.UnmountBeneath(_folder);
        Directory.Delete(_folder, recursive: true);
    }

    private UserNamespacePin User() => new() { Path = Pin("user"), Uids = Ids, Gids = Ids };

    private async Task<string> InsideAsync(string script)
    {
        string[] enter = [.. ((string[])["user", "net", "ipc", "uts"]).Select(n => $"--{n}={Path.Combine(_folder, n)}")];
        var result = await CommandRunner.RunAsync(
            new() { Path = "nsenter", Arguments = [.. enter, "--", "sh", "-c", script] }, null, 1 << 16, CancellationToken.None);
        return result.ExitCode == 0 ? result.OutputText : throw new InvalidOperationException(result.Error);
    }

    private string Pin(string name)
    {
        var path = Path.Combine(_folder, name);
        File.Create(path).Dispose();
        return path;
    }
}
