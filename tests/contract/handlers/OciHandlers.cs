using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins.Oci;

namespace Berth.Tests.Contract.Handlers;

/// <summary>What all handlers of the oci plugin share.</summary>
internal abstract class OciHandlerUnderTest : HandlerUnderTest
{
    public override IReadOnlyList<MissingPart> MissingParts =>
    [
        new("runtime", new { path = $"/nowhere/{Name}" }, $"apt-get install {Name})"),
        new("monitor", new { path = Name, monitor = "/nowhere/x" }, "apt-get install conmon)"),
        new("runtime that is none", new { path = "true" }, "true cannot create containers on this machine: "),
    ];

    public override IRuntimePlugin NewPlugin() => new OciPlugin();

    public override Func<IContainer, int> MonitorOf => static container => ProcStat.TryRead(container.Init.Pid)!.Parent;
}

internal sealed class RuncUnderTest : OciHandlerUnderTest
{
    public override string Name => "runc";

    public override object Options => new { path = "runc" };

    public override bool RunsApart => true;

    public override IReadOnlyList<BadOptions> BadOptions =>
    [
        new("""{ "path": "runc", "pth": 1 }""", "pth"),
        new("""{ "path": 7 }""", "path"),
        new("""{ }""", "path"),
        new("""{ "path": "" }""", "path"),
        new("""{ "path": "runc", "logLevel": "loud" }""", "logLevel"),
        new("""{ "path": "runc", "lacks": ["wings"] }""", "wings"),
        new("""{ "path": "runc", "runtimeRoot": "here" }""", "runtimeRoot"),
        new("""[]""", "object"),
    ];
}

internal sealed class CrunUnderTest : OciHandlerUnderTest
{
    public override string Name => "crun";

    public override object Options => new { path = "crun" };
}

/// <summary>gVisor on the pod's network; see plugins/oci/README.md.</summary>
internal sealed class RunscUnderTest : OciHandlerUnderTest
{
    private static readonly string[] Arguments = ["--platform=ptrace", "--network=host"];

    public override string Name => "runsc";

    public override object Options => new
    {
        path = "runsc",
        arguments = Arguments,
        signals = "runtime",
        lacks = (string[])["hostNamespaces", "sharedPidNamespace", "privileged", "devices", "appArmor", "sysctls", "hugePages", "mountPropagation", "limitUpdates"],
    };
}
