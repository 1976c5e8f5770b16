using System.Collections.Concurrent;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Remoting.Client;
using Berth.Tests.Support;

[assembly: AssemblyFixture(typeof(Berth.Tests.Contract.PluginProcesses))]

namespace Berth.Tests.Contract;

/// <summary>
/// Plugins in processes of their own, as a gateway runs them: one for all tests of a handler, started with the first one. At the
/// end of the run each must still be the process that it was.
/// </summary>
public sealed class PluginProcesses : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<RemotePlugin>>> Started = new();

    // Looked for when it is needed: the kit for vendors is no part of a built tree.
    internal static string Program => Path.Combine(
        Repository.Root, "artifacts/bin/Berth.PluginHost", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "berth-plugin-host");

    public async ValueTask DisposeAsync()
    {
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
        // The folder of the built plugin, whose assembly is also this program's.
        var assembly = under.NewPlugin().GetType().Assembly.GetName().Name + ".dll";
        return new()
        {
            Plugin = under.Name,
            Folder = Directory.GetDirectories(Repository.Plugins).Single(f => File.Exists(Path.Combine(f, "plugin.json")) && File.Exists(Path.Combine(f, assembly))),
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
