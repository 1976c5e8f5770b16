using System.Globalization;
using Berth.Abstractions;
using Berth.Guest.Protocol;

namespace Berth.Plugins.Vm;

/// <summary>What a VM is made of.</summary>
internal sealed record QemuPlan
{
    public required string Name { get; init; }

    /// <summary><c>kvm</c> or <c>tcg</c>.</summary>
    public required string Accelerator { get; init; }

    public required VmSize Size { get; init; }

    public required GuestImage Guest { get; init; }

    public string KernelParameters { get; init; } = "";

    /// <summary>The interfaces, each with its tap.</summary>
    public IReadOnlyList<PodInterface> Interfaces { get; init; } = [];

    /// <summary>The socket of the file server; null if nothing is shared.</summary>
    public string? FileServer { get; init; }
}

/// <summary>QEMU's command line.</summary>
internal static class QemuArguments
{
    /// <summary>Descriptors of the listening sockets that the hypervisor inherits.</summary>
    public const int QmpDescriptor = 4, AgentDescriptor = 5;

    /// <summary>The share's name in the guest.</summary>
    public const string ShareTag = "berth";

    // The last words of a kernel that panics.
    private const int ConsoleBytes = 64 * 1024;

    // Nothing that the guest does not use is built in: each device costs time at boot. No reboot: a guest that panics ends.
    // The guest's console goes into a ring in QEMU's memory, bounded, and read only when a boot fails.
    public static List<string> Of(QemuPlan plan) =>
    [
        "-name", $"{plan.Name},debug-threads=on",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        // The translator would take a gigabyte of translated code before it starts over.
        "-accel", plan.Accelerator == "tcg" ? "tcg,tb-size=64" : plan.Accelerator,
        "-machine", $"pc,usb=off,dump-guest-core=off,hpet=off{(plan.FileServer is null ? "" : ",memory-backend=ram")}",
        "-cpu", plan.Accelerator == "kvm" ? "host" : "max",
        "-smp", Number(plan.Size.Processors),
        "-m", $"{Number(plan.Size.MemoryMiB)}M",
        // The file server reads and writes the guest's memory, so it is a file that both map.
        .. plan.FileServer is null ? (string[])[] : ["-object", $"memory-backend-memfd,id=ram,size={Number(plan.Size.MemoryMiB)}M,share=on"],
        "-kernel", plan.Guest.Kernel,
        "-initrd", plan.Guest.Initramfs,
        "-append", $"console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check cryptomgr.notests rcupdate.rcu_expedited=1 i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd random.trust_cpu=on {plan.KernelParameters}".TrimEnd(),
        "-rtc", "base=utc",
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-chardev", $"ringbuf,id=console,size={Number(ConsoleBytes)}", "-serial", "chardev:console",
        "-chardev", $"socket,id=qmp,fd={Number(QmpDescriptor)},server=on,wait=off", "-mon", "chardev=qmp,mode=control",
        "-device", "virtio-serial-pci,id=serial",
        "-chardev", $"socket,id=agent,fd={Number(AgentDescriptor)},server=on,wait=off", "-device", $"virtserialport,chardev=agent,name={ProtocolFacts.Port}",
        "-device", "virtio-rng-pci",
        .. plan.Interfaces.SelectMany(Link),
        .. plan.FileServer is { } socket
            ? (string[])["-chardev", $"socket,id=fs,path={socket}", "-device", $"vhost-user-fs-pci,chardev=fs,tag={ShareTag}"]
            : [],
    ];

    // romfile: no boot from the network.
    private static IEnumerable<string> Link(PodInterface link, int index) =>
    [
        "-netdev", $"tap,id=net{Number(index)},ifname={PodWire.TapOf(index)},script=no,downscript=no",
        "-device", $"virtio-net-pci,netdev=net{Number(index)},romfile=,mac={Mac(link)}",
    ];

    private static string Mac(PodInterface link) => link.MacAddress is { } mac && mac.Length == 17 && mac.All(static c => char.IsAsciiHexDigit(c) || c == ':')
        ? mac
        : throw RuntimeException.InvalidArgument($"interface {link.Name} of the pod has no MAC address ('{link.MacAddress}'); the VM needs the one that CNI reported");

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
