using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Client;

[assembly: AssemblyFixture(typeof(Berth.Tests.Contract.PluginProcesses))]

namespace Berth.Tests.Contract;

/// <summary>
/// Plugins in processes of their own, as a gateway runs them: one for all tests of a handler, started with the first one. At the
/// end of the run each must still be the process that it was.
/// </summary>
public sealed class PluginProcesses : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<RemotePlugin>>> Started = new();

    // Beside this program, also in the kit for vendors.
    internal static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "berth-plugin-host");

    public async ValueTask DisposeAsync()
    {
        await SharedPods.CloseAsync();
        var plugins = await Task.WhenAll(Started.Values.Select(static p => p.Value));
        foreach (var plugin in plugins)
        {
            await plugin.DisposeAsync();
        }

        Assert.All(plugins, static p => Assert.True(p.Crashes == 0, $"a plugin's process ended: {p.LastEnd}"));
    }

    internal static Task<RemotePlugin> OfAsync(HandlerUnderTest under) =>
        Started.GetOrAdd(under.Name, name => new(() => RemotePlugin.StartAsync(Options(under, $"/berth-contract-plugin-{name}"), CancellationToken.None))).Value;

    internal static PluginProcessOptions Options(HandlerUnderTest under, string cgroup)
    {
        var (folder, assembly) = under.Location;
        return new()
        {
            Plugin = under.Name,
            Folder = folder,
            Assembly = assembly,
            Program = Program,
            Cgroup = cgroup,
            Cgroups = new(CgroupLayout.Detect()),
            Log = new Quiet(),
        };
    }

    private sealed class Quiet : IPluginLog
    {
        public void Write(PluginLogLevel level, string message) => TestContext.Current.SendDiagnosticMessage($"{level}: {message}");
    }
}
