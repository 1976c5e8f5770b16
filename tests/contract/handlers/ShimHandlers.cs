using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins.ShimV2;
using Berth.Tests.Support;

namespace Berth.Tests.Contract.Handlers;

/// <summary>runc under containerd's shim, which ./test unpacks where the machine has none.</summary>
internal class ShimUnderTest : HandlerUnderTest
{
    protected const string RuntimeType = "io.containerd.runc.v2";

    protected static readonly string Shim =
        Executable.Find("containerd-shim-runc-v2") ?? Path.Combine(Repository.Root, "artifacts/tools/containerd/usr/bin/containerd-shim-runc-v2");

    public override string Name => "shim-v2";

    public override object Options => new { runtimeType = RuntimeType, path = Shim };

    // It watches each shim and logger, and would go on to look after them beside the new object.
    public override bool HoldsConnections => true;

    public override IReadOnlyList<MissingPart> MissingParts =>
    [
        new("shim", new { runtimeType = RuntimeType, path = "/nowhere/x" }, "Debian has it in the package containerd,"),
        new("runtime", new { runtimeType = RuntimeType, path = Shim, options = new { binaryName = "/nowhere/runc" } }, "apt-get install runc)"),
        new("logger", new { runtimeType = RuntimeType, path = Shim, logger = "/nowhere/x" }, "build the plugin on a machine with clang"),
        new("shim that is none", new { runtimeType = RuntimeType, path = "true" }, "it may be no shim"),
    ];

    public override IReadOnlyList<BadOptions> BadOptions =>
    [
        new("""{ "runtimeType": "io.containerd.runc.v2", "pth": 1 }""", "pth"),
        new("""{ "runtimeType": 7 }""", "runtimeType"),
        new("""{ }""", "runtimeType"),
        new("""{ "runtimeType": "runc" }""", "runtimeType"),
        new("""{ "runtimeType": "io.containerd.../x.v2" }""", "runtimeType"),
        new("""{ "runtimeType": "io.containerd.runc.v2", "path": "" }""", "path"),
        new("""{ "runtimeType": "io.containerd.runc.v2", "lacks": ["wings"] }""", "wings"),
        new("""{ "runtimeType": "io.containerd.runc.v2", "namespace": "a b" }""", "namespace"),
        new("""{ "runtimeType": "io.containerd.runc.v2", "options": { "wheels": 4 } }""", "wheels"),
        new("""{ "runtimeType": "io.containerd.kata.v2", "options": { "configPath": 4 } }""", "options"),
        new("""{ "runtimeType": "io.containerd.runc.v2", "environment": { "A=B": "" } }""", "environment"),
        new("""[]""", "object"),
    ];

    public override IRuntimePlugin NewPlugin() => new ShimPlugin();

    public override Func<IContainer, int> MonitorOf => static container => ProcStat.TryRead(container.Init.Pid)!.Parent;
}

/// <summary>A container of the shim's own holds each pod, as a runtime wants it that boots a machine for it; only some tests are for it.</summary>
internal sealed class HeldShimUnderTest(string name) : ShimUnderTest
{
    public override string Name => name;

    public override object Options => new { runtimeType = RuntimeType, path = Shim, sandboxContainer = true };
}
