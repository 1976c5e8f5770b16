using Berth.Abstractions;
using Berth.Plugins.ClearContainers;
using Berth.Plugins.Runv;

namespace Berth.Tests.Contract.Handlers;

/// <summary>
/// What the handlers have in common that run a pod in a virtual machine. The machine's processor is not tried: each test has
/// folders of its own, and would try it again.
/// </summary>
internal abstract class VmHandlerUnderTest : HandlerUnderTest
{
    public override object Options => new { acceleration = "tcg", defaultMemoryMiB = 256 };

    public override bool IsSlow => true;

    // The agent in the guest talks to one gateway at a time.
    public override bool HoldsConnections => true;

    public override IReadOnlyList<MissingPart> MissingParts =>
    [
        new("hypervisor", new { acceleration = "tcg", hypervisor = "/nowhere/x" }, "Debian package qemu-system-x86,"),
        new("hypervisor that is none", new { acceleration = "tcg", hypervisor = "true" }, "is no QEMU"),
        new("guest", new { acceleration = "tcg", guest = "/nowhere" }, "run guest/build,"),
    ];

    public override IReadOnlyList<BadOptions> BadOptions =>
    [
        new("""{ "hypervisr": "x" }""", "hypervisr"),
        new("""{ "hypervisor": "" }""", "hypervisor"),
        new("""{ "acceleration": "magic" }""", "acceleration"),
        new("""{ "overheadMemoryMiB": 1 }""", "overheadMemoryMiB"),
        new("""{ "guest": "here" }""", "guest"),
        new("""[]""", "object"),
    ];
}

internal sealed class ClearContainersUnderTest : VmHandlerUnderTest
{
    public override string Name => "clear-containers";

    public override IReadOnlyList<MissingPart> MissingParts =>
        [.. base.MissingParts, new("file server", new { acceleration = "tcg", fileServer = "/nowhere/x" }, "Debian package virtiofsd ")];

    public override IRuntimePlugin NewPlugin() => new ClearContainersPlugin();
}

internal sealed class RunvUnderTest : VmHandlerUnderTest
{
    public override string Name => "runv";

    public override IRuntimePlugin NewPlugin() => new RunvPlugin();
}
