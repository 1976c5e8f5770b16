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
        new("machine maker", new { nspawn = "/nowhere/x" }, "apt-get install systemd-container)"),
        new("init", new { init = "/nowhere/x" }, "apt-get install catatonit)"),
        new("monitor", new { monitor = "/nowhere/x" }, "apt-get install conmon)"),
        new("runtime", new { runtime = "/nowhere/x" }, "apt-get install crun)"),
        new("entry", new { nsenter = "/nowhere/x" }, "apt-get install util-linux)"),
        new("bounds", new { setpriv = "/nowhere/x" }, "apt-get install util-linux)"),
    ];

    public override IReadOnlyList<BadOptions> BadOptions =>
    [
        new("""{ "nspwan": "systemd-nspawn" }""", "nspwan"),
        new("""{ "init": 7 }""", "init"),
        new("""{ "runtime": "" }""", "empty"),
        new("""[]""", "object"),
    ];

    public override IRuntimePlugin NewPlugin() => new RktPlugin();

    public override Func<IContainer, int> MonitorOf => static container => ProcStat.TryRead(container.Init.Pid)!.Parent;
}
