using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Client;
using Berth.Tests.Unit.Plugins;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Remoting;

/// <summary>A call that was given up and does not end, in a real process: once its handler does harm, the process ends and the next one serves.</summary>
public sealed class StuckCallTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private RemotePlugin? _plugin;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OwnProcess.EffectiveUserId == 0, "cgroups need root");
        var folder = EmittedPlugin.Write(_folder, "stuck", EmittedKind.HangsInList);
        _plugin = await RemotePlugin.StartAsync(
            new()
            {
                Plugin = "stuck",
                Folder = folder,
                Assembly = "Emitted.stuck.dll",
                Program = Path.Combine(AppContext.BaseDirectory, "berth-plugin-host"),
                Cgroup = $"/berth-test-stuck-{Environment.ProcessId}",
                Cgroups = new(CgroupLayout.Detect()),
                Log = Mock.Of<IPluginLog>(),
                StuckLimit = TimeSpan.FromMilliseconds(100),
            },
            TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await (_plugin?.DisposeAsync() ?? ValueTask.CompletedTask);
        _folder.Dispose();
    }

    [Fact]
    public async Task EndStuck_WithACallThatWasGivenUp_EndsItsProcess()
    {
        var handler = await CreateAsync();
        var before = _plugin!.Pid;
        using var caller = new CancellationTokenSource();
        var call = handler.ListOwnedAsync(caller.Token);

        // Somebody still waits for it.
        await _plugin.EndStuckAsync("its handler is quarantined");
        Assert.Equal((before, false), (_plugin.Pid, call.IsCompleted));

        await caller.CancelAsync();
        await _plugin.EndStuckAsync("its handler is quarantined");
        await Assert.ThrowsAsync<PluginProcessException>(() => call.WaitAsync(TestContext.Current.CancellationToken));
        var refused = await Assert.ThrowsAsync<RuntimeException>(() => handler.CheckAsync(TestContext.Current.CancellationToken));
        Assert.Equal("nothing behind it", refused.Message);
        Assert.NotEqual(before, _plugin.Pid);
        Assert.Contains("a call in it does not end: its handler is quarantined", _plugin.LastEnd, StringComparison.Ordinal);
    }

    private Task<IRuntimeHandler> CreateAsync() => _plugin!.CreateHandlerAsync(
        new()
        {
            Name = "one",
            Options = JsonSerializer.Deserialize<JsonElement>("{}"),
            StateDirectory = _folder.Path,
            DataDirectory = _folder.Path,
            CgroupDriver = CgroupDriver.Cgroupfs,
        },
        Mock.Of<IHandlerContext>(static c => c.Log == Mock.Of<IPluginLog>()),
        TestContext.Current.CancellationToken);
}
