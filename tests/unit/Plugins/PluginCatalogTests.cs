using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;
using Berth.Packages;
using Berth.Plugins;
using Berth.Plugins.Remote;
using Berth.Plugins.Signatures;
using Berth.Remoting.Client;
using Berth.State;
using Berth.Tests.Unit.Plugins.Health;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class PluginCatalogTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TempFolder _state = new();
    private readonly StateDatabase _database;
    private readonly List<PluginCall> _calls = [];
    private readonly QuarantineFixture _quarantine;
    private RemotePlugins? _remote;

    public PluginCatalogTests()
    {
        _database = new(Path.Combine(_state.Path, "berth.db"));
        _quarantine = new(_database, TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        if (_remote is not null)
        {
            await _remote.DisposeAsync();
        }

        _quarantine.Dispose();
        _database.Dispose();
        _folder.Dispose();
        _state.Dispose();
    }

    [Fact]
    public async Task Load_GoodPlugin_ItsHandlersExistAndItsExceptionsAreTheContracts()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {}, "two": {} }""");

        var snapshot = await LoadAsync();

        Assert.Equal(PluginState.Active, Assert.Single(snapshot.Plugins).State);
        Assert.Equal(["one", "two"], snapshot.KnownHandlers);
        var one = snapshot.Handlers["one"];
        Assert.Equal((PluginState.NotReady, "nothing behind it"), (one.State, one.Reason));
        Assert.Equal(0, one.Handler!.Faults);
        Assert.Equal("handler 'one' is not ready: nothing behind it", Assert.Throws<RuntimeException>(() => snapshot.GetReady("one")).Message);
        Assert.Same(one.Handler, snapshot.Get("one"));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(_state.Path, "state/h/one")));
    }

    [Theory]
    [InlineData(EmittedKind.ThrowsInConstructor, PluginState.Failed, "InsufficientMemoryException")]
    [InlineData(EmittedKind.TwoEntries, PluginState.Failed, "exactly one public class that implements IRuntimePlugin, and has Entry0, Entry1")]
    [InlineData(EmittedKind.NoEntry, PluginState.Failed, "and has none")]
    [InlineData(EmittedKind.NotAnAssembly, PluginState.Failed, "not a .NET assembly")]
    [InlineData(EmittedKind.ThrowsInCreate, PluginState.Active, "plugin bad failed in CreateHandler of handler broken: NotImplementedException")]
    [InlineData(EmittedKind.RefusesInCreate, PluginState.Active, "an option is wrong")]
    public async Task Load_BadPlugin_IsNamedAndTheOthersWork(EmittedKind kind, PluginState state, string reason)
    {
        EmittedPlugin.Write(_folder, "bad", kind, """{ "broken": {} }""");
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");

        var snapshot = await LoadAsync();

        Assert.Equal(state, snapshot.Plugins.Single(static p => p.Id == "bad").State);
        Assert.Equal(PluginState.Failed, snapshot.Handlers["broken"].State);
        Assert.Contains(reason, snapshot.Handlers["broken"].Reason, StringComparison.Ordinal);
        Assert.NotNull(snapshot.Handlers["one"].Handler);
        Assert.Contains("broken", snapshot.KnownHandlers);
        Assert.Equal(RuntimeErrorCode.Unavailable, Assert.Throws<RuntimeException>(() => snapshot.Get("broken")).Code);
    }

    [Fact]
    public async Task Load_ManyPlugins_NoneWaitsForAnother()
    {
        using var meeting = new Barrier(3);
        AppDomain.CurrentDomain.SetData(EmittedPlugin.Meeting, meeting);
        foreach (var id in new[] { "a", "b", "c" })
        {
            EmittedPlugin.Write(_folder, id, EmittedKind.MeetsInConstructor, $$"""{ "{{id}}": {} }""");
        }

        var snapshot = await LoadAsync();

        Assert.Equal([("a", PluginState.Active), ("b", PluginState.Active), ("c", PluginState.Active)], snapshot.Plugins.Select(static p => (p.Id, p.State)));
    }

    [Fact]
    public async Task Load_HeldHandler_RunsNoneOfItsCodeAndTheOthersWork()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {}, "two": {} }""");
        var one = (await LoadAsync()).Handlers["one"];
        _quarantine.It.Convict(one.Standing!, "the gateway died of it", isHeld: true);
        _calls.Clear();

        var snapshot = await LoadAsync();

        Assert.Equal((PluginState.Quarantined, null), (snapshot.Handlers["one"].State, snapshot.Handlers["one"].Handler));
        Assert.Contains("the gateway died of it", snapshot.Handlers["one"].Reason, StringComparison.Ordinal);
        Assert.NotNull(snapshot.Handlers["two"].Handler);
        Assert.DoesNotContain(_calls, static c => c.Handler == "one");
        var plugin = Assert.Single(snapshot.PluginsNow());
        Assert.Equal(PluginState.Active, plugin.State);
        Assert.StartsWith("handler one is quarantined until ", plugin.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_HeldPlugin_IsNotLoaded()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");
        var digest = (await LoadAsync()).Plugins[0].Digest;
        _quarantine.It.Convict(_quarantine.It.StandingOf(digest, "good", "1.0.0"), "the gateway died of it", isHeld: true);

        var snapshot = await LoadAsync();

        Assert.Null(Assert.Single(snapshot.Loaded).Code);
        Assert.Equal(PluginState.Quarantined, Assert.Single(snapshot.PluginsNow()).State);
        Assert.Equal(PluginState.Quarantined, snapshot.Handlers["one"].State);
        Assert.Equal(RuntimeErrorCode.Unavailable, Assert.Throws<RuntimeException>(() => snapshot.GetReady("one")).Code);
    }

    [Fact]
    public async Task Load_MissingAssembly_IsNamed()
    {
        File.Delete(Path.Combine(EmittedPlugin.Write(_folder, "bad", EmittedKind.NotAnAssembly, """{ "broken": {} }"""), "Emitted.bad.dll"));
        Assert.Contains("is missing", (await LoadAsync()).Handlers["broken"].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_BrokenManifest_IsNamedByItsFolder()
    {
        _folder.Write("oci/plugin.json", "{");
        var snapshot = await LoadAsync(new() { ["runc"] = new() { Plugin = "oci" } });
        Assert.Equal(("oci", PluginState.Failed), (snapshot.Plugins[0].Id, snapshot.Plugins[0].State));
        Assert.StartsWith("plugin 'oci' is Failed: ", snapshot.Handlers["runc"].Reason, StringComparison.Ordinal);
        Assert.Null(PluginCatalog.OfferedHandlers(new() { Folders = [_folder.Path] }));
    }

    [Fact]
    public async Task Load_SameIdTwice_TheFirstFolderWins()
    {
        using var second = new TempFolder();
        var first = EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");
        EmittedPlugin.Write(second, "good", EmittedKind.Good, """{ "other": {} }""");

        var snapshot = await LoadAsync(folders: [_folder.Path, second.Path]);

        Assert.Equal([PluginState.Active, PluginState.Disabled], snapshot.Plugins.Select(static p => p.State));
        Assert.Contains(first, snapshot.Plugins[1].Reason, StringComparison.Ordinal);
        Assert.Equal(["one"], snapshot.Handlers.Keys);
    }

    [Fact]
    public async Task Load_ConfiguredHandlers_AddDisableAndMissTheirPlugin()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");

        var snapshot = await LoadAsync(new()
        {
            ["one"] = new() { Disabled = true },
            ["two"] = new() { Plugin = "good", Options = JsonSerializer.Deserialize<JsonElement>("{}") },
            ["three"] = new() { Plugin = "gone" },
        });

        Assert.Equal(PluginState.Disabled, snapshot.Handlers["one"].State);
        Assert.NotNull(snapshot.Handlers["two"].Handler);
        Assert.Equal("there is no plugin 'gone' in the plugin folders", snapshot.Handlers["three"].Reason);
        Assert.Equal(["three", "two"], snapshot.KnownHandlers);
    }

    [Fact]
    public async Task Load_NoEnabledHandler_LoadsNoCode()
    {
        EmittedPlugin.Write(_folder, "bad", EmittedKind.NotAnAssembly, """{ "broken": {} }""");
        var snapshot = await LoadAsync(new() { ["broken"] = new() { Disabled = true } });
        Assert.Equal((PluginState.Disabled, "no enabled handler uses it"), (snapshot.Plugins[0].State, snapshot.Plugins[0].Reason));
    }

    [Fact]
    public async Task Load_StateFolderTooLong_FailsThatHandler()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, $$"""{ "{{new string('a', 63)}}": {}, "b": {} }""");
        var snapshot = await LoadAsync();
        Assert.Contains("shorten gateway.state", snapshot.Handlers[new string('a', 63)].Reason, StringComparison.Ordinal);
        Assert.NotNull(snapshot.Handlers["b"].Handler);
    }

    [Fact]
    public async Task Load_MissingFolder_IsEmpty()
    {
        var snapshot = await LoadAsync(folders: [Path.Combine(_folder.Path, "none")]);
        Assert.Empty(snapshot.Plugins);
        Assert.Contains("known: none", Assert.Throws<RuntimeException>(() => snapshot.Get("runc")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_UnsignedPlugin_IsRefusedUnlessTheOperatorAllowsIt()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");
        var refused = await LoadAsync(signatures: new());
        Assert.Equal((PluginState.Failed, ""), (refused.Plugins[0].State, refused.Plugins[0].Origin));
        Assert.Contains("it is not signed", refused.Handlers["one"].Reason, StringComparison.Ordinal);

        // The configuration has changed and the folder has not: it is looked at anew, without being asked to.
        var taken = await LoadAsync(previous: refused, retry: false);
        Assert.Equal((PluginState.Active, SignaturePolicy.Unsigned), (taken.Plugins[0].State, taken.Plugins[0].Origin));
    }

    [Fact]
    public async Task Load_KeyIsTakenFromTheList_WhatIsInForceStays()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var folder = EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");
        await PackageWriter.SignAsync(folder, key, TestContext.Current.CancellationToken);
        var trusted = new SignatureOptions { Keys = new Dictionary<string, TrustedKey> { ["acme"] = new(key.ExportSubjectPublicKeyInfo(), null) } };

        var before = await LoadAsync(signatures: trusted);
        Assert.Equal((PluginState.Active, "signed by acme"), (before.Plugins[0].State, before.Plugins[0].Origin));

        var after = await LoadAsync(signatures: new(), previous: before, retry: false);
        Assert.Equal([PluginState.Active, PluginState.Failed], after.Plugins.Select(static p => p.State));
        Assert.Contains("is not in plugins.signatures.keys", after.Plugins[1].Reason, StringComparison.Ordinal);
        Assert.Same(before.Handlers["one"].Handler, after.Handlers["one"].Handler);
    }

    [Fact]
    public async Task Load_DisabledPlugin_KeepsItsHandlersKnown_AndItsVersionDrains()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");
        var before = await LoadAsync();

        DisabledPlugins.Add(_folder.Path, "good", "it is not to be trusted");
        var disabled = await LoadAsync(previous: before, retry: false);
        Assert.Equal(PluginState.Disabled, disabled.Handlers["one"].State);
        Assert.Contains("it is not to be trusted", Assert.Throws<RuntimeException>(() => disabled.GetReady("one")).Message, StringComparison.Ordinal);
        Assert.Equal([PluginState.Disabled, PluginState.Draining], disabled.Plugins.Select(static p => p.State));
        Assert.Contains("it is not to be trusted", disabled.Draining.Single().Drain, StringComparison.Ordinal);

        DisabledPlugins.Remove([_folder.Path], "good");
        var again = await LoadAsync(previous: disabled, retry: false);
        Assert.Equal([PluginState.Active], again.Plugins.Select(static p => p.State));
        Assert.Same(before.Handlers["one"].Handler, again.Handlers["one"].Handler);
    }

    [Fact]
    public async Task Load_OtherIsolation_IsAnotherObject_AndTheOldOneDrains()
    {
        Assert.SkipUnless(OwnProcess.EffectiveUserId == 0, "cgroups need root");
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");
        var before = await LoadAsync();
        var apart = await LoadAsync(previous: before, retry: false, plugin: new() { Isolation = PluginIsolation.Process });

        var (old, one) = (before.Handlers["one"], apart.Handlers["one"]);
        Assert.NotSame(old.Handler, one.Handler);
        Assert.Equal((PluginIsolation.InProcess, PluginIsolation.Process), (old.Source!.Code!.Isolation, one.Source!.Code!.Isolation));
        Assert.Equal(old.Key, Assert.Single(apart.Draining).Key);
        Assert.Equal([PluginState.Active, PluginState.Draining], apart.Plugins.Select(static p => p.State));
        Assert.Equal([one.Source.Code, old.Source.Code], apart.Loaded.Select(static l => l.Code));
        Assert.Equal("its options or its isolation were changed; pods of it run on", apart.Draining[0].Drain);

        var back = await LoadAsync(previous: apart, retry: false);
        Assert.Same(old.Handler, back.Handlers["one"].Handler);
        Assert.Equal(one.Key, Assert.Single(back.Draining).Key);
    }

    /// <summary>While a node is busy a first check takes long: what it replaces takes pods until then, and what is new keeps nobody waiting.</summary>
    [Fact]
    public async Task Load_WhatReplacesAHandlerThatIsReady_IsThereWhenItsCheckHasEnded()
    {
        var clock = new FakeTimeProvider();
        var (quick, slow) = (Task.FromResult(new HandlerCheck { Ready = true }), new TaskCompletionSource<HandlerCheck>());
        var answers = new ConcurrentQueue<Task<HandlerCheck>>([quick, quick, slow.Task]);
        using var asked = new SemaphoreSlim(0);
        AppDomain.CurrentDomain.SetData(EmittedPlugin.Answers, () =>
        {
            asked.Release();
            return answers.TryDequeue(out var answer) ? answer : throw new InvalidOperationException("more checks than expected");
        });
        EmittedPlugin.Write(_folder, "told", EmittedKind.ChecksAsTold, """{ "one": {} }""");
        var before = await LoadAsync(clock: clock);
        Assert.True(before.Handlers["one"].Ready);

        // Other options: another object, which passes its trial.
        var loading = LoadAsync(new() { ["one"] = new() { Options = JsonSerializer.Deserialize<JsonElement>("""{ "a": 1 }""") } }, previous: before, clock: clock);
        for (var checks = 0; checks < 3; checks++)
        {
            Assert.True(await asked.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        }

        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.False(loading.IsCompleted);
        slow.SetResult(new() { Ready = true });
        var after = await loading;
        Assert.NotSame(before.Handlers["one"].Handler, after.Handlers["one"].Handler);
        Assert.True(after.Handlers["one"].Ready);
    }

    [Fact]
    public async Task Load_OtherAnnotations_ReachTheSameObject()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");
        var before = await LoadAsync();
        var after = await LoadAsync(new() { ["one"] = new() { Annotations = ["acme.dev/size"] } }, previous: before, retry: false);

        Assert.Same(before.Handlers["one"].Handler, after.Handlers["one"].Handler);
        Assert.Empty(before.Handlers["one"].Annotations);
        Assert.Equal(["acme.dev/size"], after.Handlers["one"].Annotations);
    }

    [Fact]
    public async Task Load_OtherOverheadAndScheduling_AreInForceWithTheirVersion()
    {
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": { "overhead": { "memoryBytes": 1024 } } }""");
        var before = await LoadAsync();
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": { "overhead": { "memoryBytes": 2048 }, "scheduling": { "nodeSelector": { "kvm": "yes" } } } }""");
        var after = await LoadAsync(previous: before, retry: false);

        Assert.Equal((1024, 2048), (before.Handlers["one"].Overhead!.MemoryBytes, after.Handlers["one"].Overhead!.MemoryBytes));
        Assert.Equal("yes", after.Handlers["one"].Scheduling!.NodeSelector["kvm"]);
        // The same handler once more: what drained does not any more.
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": { "overhead": { "memoryBytes": 1024 } } }""");
        var back = await LoadAsync(previous: after, retry: false);
        Assert.Equal((1024, null), (back.Handlers["one"].Overhead!.MemoryBytes, back.Handlers["one"].Drain));
    }

    [Fact]
    public async Task Limits_OfAProcessThatRuns_AreThoseInForce()
    {
        Assert.SkipUnless(OwnProcess.EffectiveUserId == 0, "cgroups need root");
        EmittedPlugin.Write(_folder, "good", EmittedKind.Good, """{ "one": {} }""");
        await LoadAsync(plugin: new() { Isolation = PluginIsolation.Process, MemoryBytes = 256 << 20, Pids = 100, CpuMillis = 500 });
        var pid = Assert.Single(_remote!.Look()).Pid!.Value;
        Assert.Equal([256 << 20, 100, 500], Limits(pid));

        _remote.Limit(new() { ById = new Dictionary<string, PluginOptions> { ["good"] = new() { MemoryBytes = 300 << 20, Pids = 200, CpuMillis = 250 } } });
        Assert.Equal([300 << 20, 200, 250], Limits(pid));
        _remote.Limit(new());
        Assert.Equal([PluginLimits.DefaultMemoryBytes, PluginLimits.DefaultPids, PluginLimits.DefaultCpuMillis], Limits(pid));
        Assert.Equal(pid, Assert.Single(_remote.Look()).Pid);
    }

    // Memory, pids, and thousandths of a processor.
    private static long[] Limits(int pid)
    {
        var (cgroups, layout) = (new Cgroups(CgroupLayout.Detect()), CgroupLayout.Detect());
        return [Read("memory", "memory.limit_in_bytes", "memory.max"), Read("pids", "pids.max", "pids.max"), Read("cpu", "cpu.cfs_quota_us", "cpu.max") / 100];

        long Read(string controller, string v1, string v2)
        {
            var hierarchy = layout.Find(controller)!;
            var text = File.ReadAllText($"{hierarchy.Folder(cgroups.PathOf(pid, controller)!)}/{(hierarchy.IsV2 ? v2 : v1)}");
            return long.Parse(text.Split(' ', '\n')[0], System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private Task<PluginSnapshot> LoadAsync(
        Dictionary<string, HandlerOptions>? handlers = null, string[]? folders = null, SignatureOptions? signatures = null, PluginSnapshot? previous = null, bool retry = true, PluginOptions? plugin = null, TimeProvider? clock = null)
    {
        var factory = new HandlerFactory(new(_database), _quarantine.It, null, Observe, TimeProvider.System, NullLoggerFactory.Instance);
        var options = new BerthOptions
        {
            Gateway = new() { Root = Path.Combine(_state.Path, "root"), State = Path.Combine(_state.Path, "state") },
            Plugins = new() { Folders = folders ?? [_folder.Path], Signatures = signatures ?? new() { AllowUnsigned = true }, ById = new Dictionary<string, PluginOptions> { ["good"] = plugin ?? new() } },
            Handlers = handlers ?? [],
        };
        _remote ??= new(options.Gateway.State, CgroupDriver.Cgroupfs, new(CgroupLayout.Detect()), TimeProvider.System, NullLoggerFactory.Instance);
        var store = new PluginStore(Path.Combine(_state.Path, "root"));
        return new PluginCatalog(factory, store, _remote, _quarantine.It, null, clock ?? TimeProvider.System, NullLogger<PluginCatalog>.Instance)
            .LoadAsync(options, CgroupDriver.Cgroupfs, previous ?? PluginSnapshot.Empty, retry, TestContext.Current.CancellationToken);
    }

    private void Observe(PluginCall call)
    {
        lock (_calls)
        {
            _calls.Add(call);
        }
    }
}
