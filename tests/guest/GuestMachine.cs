using System.Net.Sockets;
using Berth.Linux;
using Berth.Tests.Support;

namespace Berth.Tests.Guest;

/// <summary>
/// One machine with our guest, booted once for a class of tests, without any part of the plugins: QEMU with the port to the agent
/// and a disk with a busybox.
/// </summary>
public sealed class GuestMachine : IAsyncLifetime
{
    private static readonly string Image = Path.Combine(Root(), "artifacts", "guest-vm");
    private readonly string _folder = Directory.CreateTempSubdirectory("berth-guest-").FullName;
    private ChildProcess? _hypervisor;

    /// <summary>The serial of the disk.</summary>
    public const string DiskSerial = "busybox";

    /// <summary>From the start of the hypervisor to the agent's welcome.</summary>
    public TimeSpan BootTime { get; private set; }

    /// <summary>A connection to the agent.</summary>
    public GuestClient Client { get; private set; } = null!;

    /// <summary>The hypervisor's end.</summary>
    public Task<int> End { get; private set; } = Task.FromResult(-1);

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(File.Exists(Path.Combine(Image, "initramfs")), "the guest is not built: run guest/build");
        Assert.SkipUnless(Executable.Find("qemu-system-x86_64") is not null, "qemu-system-x86_64 is missing (Debian package qemu-system-x86)");
        Assert.SkipUnless(Executable.Find("mkfs.erofs") is not null, "mkfs.erofs is missing (Debian package erofs-utils)");
        var disk = await MakeDiskAsync();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        File.WriteAllText(Path.Combine(_folder, "console"), "");
        using var log = SafeFd.OpenWrite(Path.Combine(_folder, "console"));
        // KVM may be there and still not run a kernel; what the guest does is the same without.
        _hypervisor = ChildProcess.Start(new()
        {
            Path = "qemu-system-x86_64",
            Arguments =
            [
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "pc,accel=tcg,usb=off,hpet=off", "-cpu", "max", "-smp", "1", "-m", "256M",
                "-kernel", Path.Combine(Image, "vmlinuz"), "-initrd", Path.Combine(Image, "initramfs"),
                "-append", Environment.GetEnvironmentVariable("BERTH_TEST_GUEST_PARAMETERS") is { Length: > 0 } p ? p : "console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd random.trust_cpu=on",
                "-serial", "file:" + Path.Combine(_folder, "serial"),
                "-device", "virtio-serial-pci", "-chardev", $"socket,id=agent,path={Socket},server=on,wait=off", "-device", "virtserialport,chardev=agent,name=dev.berth.agent",
                "-drive", $"if=none,id=disk,format=raw,readonly=on,file={disk}", "-device", $"virtio-blk-pci,drive=disk,serial={DiskSerial}",
                "-device", "virtio-rng-pci", "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net,romfile=,mac=52:54:00:12:34:56",
            ],
            Descriptors = new Dictionary<int, SafeFd> { [1] = log, [2] = log },
        });
        End = _hypervisor.WaitAsync(CancellationToken.None);
        try
        {
            Client = await ConnectAsync();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"the guest does not boot: {Console()}", e);
        }

        BootTime = clock.Elapsed;
    }

    /// <summary>Another connection, once the one before is closed.</summary>
    public async Task<GuestClient> ConnectAsync(bool acknowledges = true)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            limit.Token.ThrowIfCancellationRequested();
            Assert.False(End.IsCompleted, "the hypervisor ended");
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket), limit.Token);
                return await GuestClient.StartAsync(new NetworkStream(socket, ownsSocket: true), acknowledges, limit.Token);
            }
            catch (SocketException)
            {
                // Not listening yet.
                socket.Dispose();
                await Task.Delay(20, limit.Token);
            }
            catch
            {
                // QEMU would go on with it.
                socket.Dispose();
                throw;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_hypervisor is not null)
        {
            _hypervisor.Signal(9);
            await End;
            _hypervisor.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private string Socket => Path.Combine(_folder, "agent");

    private string Console() => string.Join('\n', ((string[])["console", "serial"]).Select(f => Path.Combine(_folder, f)).Where(File.Exists).Select(File.ReadAllText));

    private async Task<string> MakeDiskAsync()
    {
        var root = Path.Combine(_folder, "root");
        foreach (var folder in (string[])["bin", "proc", "sys", "dev", "tmp", "etc"])
        {
            Directory.CreateDirectory(Path.Combine(root, folder));
        }

        File.Copy(Busybox.Path, Path.Combine(root, "bin", "busybox"));
        foreach (var applet in (string[])["sh", "cat", "echo", "uname", "sleep", "seq", "nc", "dd", "id", "hostname", "stty", "head", "wc", "ip"])
        {
            File.CreateSymbolicLink(Path.Combine(root, "bin", applet), "busybox");
        }

        var disk = Path.Combine(_folder, "disk");
        var made = await CommandRunner.RunAsync(new() { Path = "mkfs.erofs", Arguments = ["--quiet", disk, root] }, [], 65536, CancellationToken.None);
        Assert.True(made.ExitCode == 0, made.Error);
        return disk;
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Berth.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException($"no Berth.slnx above {AppContext.BaseDirectory}");
        }

        return folder.FullName;
    }
}
