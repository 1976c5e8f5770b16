using Berth.Abstractions;
using Berth.Admin;
using Berth.Cli;
using Berth.Containers;
using Berth.Images;
using Berth.Images.Registries;
using Berth.Plugins;
using Berth.Plugins.Health;
using Berth.Sandboxes;
using Berth.State;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Admin;

/// <summary>The commands against the real service, over a real socket.</summary>
public sealed class AdminServiceTests : IAsyncLifetime
{
    private const string Digest = "0123456789abcdef";

    private readonly TempFolder _folder = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private readonly List<(string Path, string? Name)> _imports = [];
    private readonly StateDatabase _database;
    private readonly SandboxRegistry _sandboxes;
    private readonly ContainerRegistry _containers;
    private readonly GuardedHandler _runc;
    private readonly HandlerTable _table = new(PluginSnapshot.Empty);
    private readonly WebApplication _app;

    public AdminServiceTests()
    {
        var inner = new Mock<IRuntimeHandler>();
        inner.Setup(static h => h.CheckAsync(It.IsAny<CancellationToken>())).ReturnsAsync(new HandlerCheck { Ready = true, RuntimeVersion = "runc 1.1.5", Features = new() { Seccomp = true } });
        _runc = new(inner.Object, new("oci", "runc", static _ => { }, TimeProvider.System, NullLogger.Instance), TimeProvider.System, NullLogger.Instance);
        _database = new(Path.Combine(_folder.Path, "berth.db"));
        (_sandboxes, _containers) = (new(_database), new(_database));
        _app = Build();
    }

    private string Socket => Path.Combine(_folder.Path, "b.sock");

    public async ValueTask InitializeAsync()
    {
        await _runc.Health.RefreshAsync(TestContext.Current.CancellationToken);
        await _app.StartAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _runc.DisposeAsync();
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Handlers_Asked_ShowsReadinessAndReasons()
    {
        Assert.Equal(0, await RunAsync("handlers"));
        var output = _output.ToString();
        Assert.Contains("runc (default)", output, StringComparison.Ordinal);
        Assert.Contains("runc 1.1.5", output, StringComparison.Ordinal);
        Assert.Contains("no binary", output, StringComparison.Ordinal);
        Assert.Contains("bad image", output, StringComparison.Ordinal);
        Assert.DoesNotContain("\e", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plugins_Asked_ShowsEveryVersionAndWhatIsNotInForce()
    {
        _table.LastReload = new() { ConfigurationProblem = "plugins.json: line 1: no", RestartKeys = ["metrics.listen", "cluster"] };
        Assert.Equal(0, await RunAsync("plugins"));
        var lines = _output.ToString().Split('\n').Select(static l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ToList();
        Assert.Equal("PLUGIN VERSION STATE DIGEST ORIGIN SINCE HANDLERS PODS PID MEMORY RESTARTS FOLDER REASON", lines[0]);
        Assert.Contains("oci 1.1.0 Active 0123456789ab unsigned 7 runc 0 41 2 MiB 3 /p/oci", lines);
        Assert.Contains("bad - Failed - - - - 0 - - - /p/bad bad image", lines);
        Assert.Contains("the configuration is not in force: plugins.json: line 1: no", lines);
        Assert.Contains("in force after a restart of the gateway: metrics.listen, cluster", lines);

        _output.GetStringBuilder().Clear();
        Assert.Equal(0, await RunAsync("plugins --json"));
        using var json = System.Text.Json.JsonDocument.Parse(_output.ToString());
        var row = json.RootElement.GetProperty("plugins").EnumerateArray().Single(static p => p.GetProperty("id").GetString() == "oci");
        Assert.Equal(("Active", 41), (row.GetProperty("state").GetString(), row.GetProperty("pid").GetInt32()));
    }

    /// <summary>Asked for a reload, what is refused is the exit code: a version, or the configuration.</summary>
    [Theory]
    [InlineData("bad image", "", 1)]
    [InlineData("", "plugins.json: line 1: no", 1)]
    [InlineData("", "", 0)]
    public async Task Reload_Asked_EndsWithWhatIsRefused(string version, string configuration, int exitCode)
    {
        _table.LastReload = new() { ConfigurationProblem = configuration };
        _table.Swap(new(version.Length == 0 ? [] : [new("bad", "", "/p/bad", PluginState.Failed, version)], []));
        Assert.Equal(exitCode, await RunAsync("reload"));
        Assert.Contains(version + configuration, _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pods_None_IsAHeader()
    {
        Assert.Equal(0, await RunAsync("pods"));
        Assert.StartsWith("POD", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pods_OneOfThem_SaysItsHandlerAndWhy()
    {
        _sandboxes.Add(new()
        {
            Id = new string('a', 64),
            Spec = new() { Name = "web", Namespace = "shop", Uid = "uid-1" },
            Phase = SandboxPhase.Ready,
            CreatedAt = DateTimeOffset.UnixEpoch.AddDays(20_000),
            Handler = "crun",
            HandlerReason = "rule 'batch'",
            Plugin = "oci",
            PluginVersion = "1.2.3",
            RuntimeVersion = "crun 1.8.1",
            Ips = ["10.0.0.2", "fd00::2"],
            Cgroup = new() { Path = "/p", OverheadPath = "/p/o" },
            Owed = "its network stays",
        });
        _containers.Add(new()
        {
            Id = new string('b', 64),
            SandboxId = new string('a', 64),
            Spec = new() { Name = "server", Image = "a:1" },
            Phase = ContainerPhase.Running,
            CreatedAt = DateTimeOffset.UnixEpoch,
            ImageId = "sha256:1",
            ImageRef = "a:1",
        });

        Assert.Equal(0, await RunAsync("pods"));
        var row = _output.ToString().TrimEnd().Split('\n')[1];
        Assert.All(
            ["shop/web ", "aaaaaaaaaaaaa ", "Ready (owed: its network stays)", " crun ", "rule 'batch'", "crun 1.8.1", "oci 1.2.3", "10.0.0.2, fd00::2", "server Running"],
            part => Assert.Contains(part, row, StringComparison.Ordinal));

        _output.GetStringBuilder().Clear();
        Assert.Equal(0, await RunAsync("pods --json"));
        using var json = System.Text.Json.JsonDocument.Parse(_output.ToString());
        var pod = json.RootElement.GetProperty("pods")[0];
        Assert.Equal(("crun", "rule 'batch'"), (pod.GetProperty("handler").GetString(), pod.GetProperty("reason").GetString()));
    }

    [Fact]
    public async Task Explain_AskedLive_GivesTheDecision()
    {
        var pod = _folder.Write("pod.yaml", "kind: Pod\nspec: {}");
        Assert.Equal(0, await RunAsync($"explain -f {pod}"));
        Assert.StartsWith("handler runc: default", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_NotReadyHandler_IsAFindingWithARemedy()
    {
        Assert.Equal(1, await RunAsync("doctor --json"));
        Assert.Contains("not ready: no binary", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("handlers.crun.disabled", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ImageImport_RelativePath_CountsFromTheCaller()
    {
        Assert.Equal(0, await RunAsync("image import x.tar --name a:1"));
        Assert.Equal((Path.GetFullPath("x.tar"), "a:1"), Assert.Single(_imports));
        Assert.Contains("sha256:1", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_Refused_IsOneLineAndAFailure()
    {
        Assert.Equal(1, await RunAsync("pull a:1"));
        Assert.Equal("berth: a:1 for \n", _error.ToString());
    }

    private WebApplication Build()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(Socket, static listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        _table.Swap(new(
            [new("oci", "1.1.0", "/p/oci", PluginState.Active, "") { Digest = Digest, Origin = "unsigned", Generation = 7 }, new("bad", "", "/p/bad", PluginState.Failed, "bad image")],
            [new() { Name = "runc", Plugin = "oci", PluginDigest = Digest, Handler = _runc }, new() { Name = "crun", Plugin = "oci", Failure = "no binary" }]));
        var doctor = new Doctor([new Berth.Admin.Checks.HandlersCheck(_table)]);
        builder.Services.AddSingleton(new AdminService(_table, _sandboxes, _containers, doctor, Import, Pull, Mock.Of<IReloader>(), static () => [new("oci", "1.1.0", Digest, 41, 3, 1, 2 << 20, 9)], Mock.Of<IQuarantineRelease>()));
        var app = builder.Build();
        app.MapGrpcService<AdminService>();
        return app;
    }

    private Task<IReadOnlyList<(string Id, IReadOnlyList<string> Names)>> Import(string path, string? name, CancellationToken cancellationToken)
    {
        _imports.Add((path, name));
        return Task.FromResult<IReadOnlyList<(string, IReadOnlyList<string>)>>([("sha256:1", ["a:1"])]);
    }

    private static RunningPull Pull(string reference, RegistryCredentials? credentials, CancellationToken cancellationToken) =>
        new(Task.FromException<ImageModel>(new RpcException(new(StatusCode.NotFound, $"{reference} for {credentials?.Username}"))), new());

    private Task<int> RunAsync(string line) => CliRoot.Create(static (_, _) => Task.CompletedTask)
        .Parse($"{line} --socket {Socket}").InvokeAsync(new() { Output = _output, Error = _error }, TestContext.Current.CancellationToken);
}
