using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins.Rkt;

namespace Berth.Tests.Contract.Handlers;

internal sealed class RktUnderTest : HandlerUnderTest
{
    public override string Name => "rkt";

    public override object Options => new { };

    public override IReadOnlyList<MissingPart> MissingParts =>
    [
        new("machine maker", new { nspawn = "/nowhere/systemd-nspawn" }, "systemd-container"),
        new("init", new { init = "/nowhere/catatonit" }, "catatonit"),
        new("monitor", new { monitor = "/nowhere/conmon" }, "conmon"),
        new("runtime", new { runtime = "/nowhere/crun" }, "crun"),
    ];

    public override IReadOnlyList<BadOptions> BadOptions =>
    [
        new("""{ "nspwan": "systemd-nspawn" }""", "nspwan"),
        new("""{ "init": 7 }""", "init"),
        new("""{ "runtime": "" }""", "empty"),
        new("""[]""", "object"),
    ];

    public override IRuntimePlugin NewPlugin() => new RktPlugin();

    public override int? MonitorOf(IContainer container) => ProcStat.TryRead(container.Init.Pid)!.Parent;
}
