using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class NamespacesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("berth-ns-").FullName;

    [Fact]
    public void Create_PinsEach_WithNameSysctlAndLoopback()
    {
        var pins = new NamespacePins
        {
            Network = Pin("net"),
            Ipc = Pin("ipc"),
            Uts = Pin("uts"),
            Hostname = "pod-one",
            Sysctls = [new("net/ipv4/ip_unprivileged_port_start", "81"), new("kernel/shmmni", "99")],
        };

        Namespaces.Create(pins);

        Assert.Equal(["net", "ipc", "uts"], MountTable.Beneath(_folder).Select(m => Path.GetFileName(m.MountPoint)));
        var seen = Namespaces.InNetwork(pins.Network!, () => File.ReadAllText("/proc/thread-self/net/dev"));
        Assert.Contains("lo:", seen, StringComparison.Ordinal);
        Assert.Equal("81", Namespaces.InNetwork(pins.Network!, () => File.ReadAllText("/proc/sys/net/ipv4/ip_unprivileged_port_start").Trim()));
    }

    [Fact]
    public void SetHostname_OfANamespace_IsThatOfNoOther()
    {
        var (one, two) = (Pin("uts"), Pin("uts2"));
        Namespaces.Create(new() { Uts = one, Hostname = "pod-one" });
        Namespaces.Create(new() { Uts = two, Hostname = "pod-two" });
        Namespaces.SetHostname(two, "changed");
        Assert.Equal(("pod-one", "changed"), (Namespaces.Hostname(one), Namespaces.Hostname(two)));
    }

    [Fact]
    public void Create_UnknownSysctl_FailsAndNamesIt()
    {
        var failure = Assert.Throws<SysctlException>(() => Namespaces.Create(new NamespacePins
        {
            Network = Pin("net"),
            Sysctls = [new("net/no/such", "1")],
        }));
        Assert.Contains("net.no.such", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_Twice_LeavesTheProcessInItsOwnNamespaces()
    {
        var before = new DirectoryInfo("/proc/self/ns/net").LinkTarget;
        for (var i = 0; i < 20; i++)
        {
            Namespaces.Create(new NamespacePins { Network = Pin($"net{i}") });
        }

        static string[] Seen() => [.. Directory.GetDirectories("/proc/self/task").Select(static t => new DirectoryInfo($"{t}/ns/net").LinkTarget).OfType<string>().Distinct()];
        // Another test's thread may be inside one at this moment; what stays there is what must not be.
        SpinWait.SpinUntil(() => Seen().Length == 1, TimeSpan.FromSeconds(30));
        Assert.Equal([before!], Seen());
    }

    public void Dispose()
    {
        MountTable.UnmountBeneath(_folder);
        Directory.Delete(_folder, recursive: true);
    }

    private string Pin(string name)
    {
        var path = Path.Combine(_folder, name);
        File.Create(path).Dispose();
        return path;
    }
}
