using Berth.Abstractions;
using Berth.Plugins.Docker;
using Berth.Tests.Support;

namespace Berth.Tests.Contract.Handlers;

/// <summary>A Docker Engine that the suite starts for itself.</summary>
internal sealed class DockerUnderTest : HandlerUnderTest
{
    private string _endpoint = "unix:///run/no-docker-engine";

    public override string Name => "docker";

    public override object Options => new { endpoint = _endpoint };

    // Without an Engine nothing else can be missed.
    public override IReadOnlyList<MissingPart> MissingParts =>
    [
        new("engine", new { endpoint = "unix:///run/no-such-socket" }, "install the package docker.io"),
        .. DockerEngine.IsInstalled ? (MissingPart[])[new("init", new { endpoint = _endpoint, init = "/nowhere/x" }, "install the package catatonit")] : [],
    ];

    public override IReadOnlyList<BadOptions> BadOptions =>
    [
        new("""{ "endpint": "unix:///run/docker.sock" }""", "endpint"),
        new("""{ "endpoint": "tcp://10.0.0.1:2375" }""", "endpoint"),
        new("""{ "endpoint": 7 }""", "endpoint"),
        new("""{ "init": "" }""", "init"),
        new("""[]""", "object"),
    ];

    // It copies each container's output to the log, and only one may.
    public override bool HoldsConnections => true;

    public override bool RunsApart => true;

    public override bool HasUtsNamespaces => true;

    public override IRuntimePlugin NewPlugin() => new DockerPlugin();

    public override async Task<IAsyncDisposable?> OpenAsync()
    {
        if (!DockerEngine.IsInstalled)
        {
            return null;
        }

        var engine = await DockerEngine.StartAsync();
        _endpoint = engine.Endpoint;
        return engine;
    }
}
