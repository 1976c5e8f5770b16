using System.Runtime.CompilerServices;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Plugins;
using Moq;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

/// <summary>What was let go of leaves the memory: of a plugin as small as can be, and of one that is shipped.</summary>
public sealed class PluginUnloadTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task LetGo_NothingIsLeft(int steps)
    {
        var folder = Path.Combine(Repository.Root, "artifacts/plugins/oci");
        Assert.SkipUnless(File.Exists(Path.Combine(folder, "plugin.json")), "artifacts/plugins/oci is not built");
        var remains = await UseAsync(folder, steps);
        for (var limit = TimeProvider.System.GetUtcNow().AddSeconds(30); !IsGone(remains) && TimeProvider.System.GetUtcNow() < limit;)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken); // its poller's thread ends by itself
        }

        Assert.True(IsGone(remains), "the code is still in memory");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference> UseAsync(string folder, int steps)
    {
        var manifest = PluginManifestReader.Read(Path.Combine(folder, "plugin.json"));
        var code = PluginLoader.Load(folder, manifest, stays: false);
        if (steps > 0)
        {
            var config = new HandlerConfig
            {
                Name = "runc",
                Options = JsonSerializer.Deserialize<JsonElement>("""{ "path": "runc" }"""),
                StateDirectory = Directory.CreateDirectory(Path.Combine(_folder.Path, "s")).FullName,
                DataDirectory = Directory.CreateDirectory(Path.Combine(_folder.Path, "d")).FullName,
                CgroupDriver = CgroupDriver.Cgroupfs,
            };
            await using var handler = await code.Plugin.CreateHandlerAsync(config, Mock.Of<IHandlerContext>(static c => c.Log == Mock.Of<IPluginLog>()), default);
            if (steps > 1)
            {
                var check = await handler.CheckAsync(default);
                Assert.SkipUnless(check.Ready, check.Reason ?? "");
            }
        }

        var remains = code.Remains!;
        await code.DisposeAsync();
        return remains;
    }

    private static bool IsGone(WeakReference remains)
    {
        SharedCaches.Clear();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return !remains.IsAlive;
    }
}
