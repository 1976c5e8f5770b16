using Berth.Linux;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>The disk that a container's own layer uses in the Engine's store.</summary>
internal sealed class WritableLayer(string engineId, HandlerTools tools)
{
    // A walk of the layer: kubelets ask every ten seconds and can wait for this figure.
    private static readonly TimeSpan WalkPeriod = TimeSpan.FromSeconds(30);

    private string? _folder;
    private (TreeUsage Usage, DateTimeOffset At)? _last;

    /// <summary>Null where the Engine's storage driver has no such folder, or it is not on this machine.</summary>
    public async Task<TreeUsage?> ReadAsync(CancellationToken cancellationToken)
    {
        if (_last is { } last && tools.Clock.GetUtcNow() - last.At < WalkPeriod)
        {
            return last.Usage;
        }

        _folder ??= Folder(await tools.Objects.InspectAsync(engineId, cancellationToken).ConfigureAwait(false), await tools.Check.RootAsync(cancellationToken).ConfigureAwait(false));
        if (_folder is not { } folder)
        {
            return null;
        }

        var usage = await Task.Run(() => FileTree.Usage(folder), cancellationToken).ConfigureAwait(false);
        _last = (usage, tools.Clock.GetUtcNow());
        return usage;
    }

    // overlay2's; never a folder outside of the Engine's own, whatever it says.
    private static string? Folder(ContainerInspectResponse container, string root) =>
        container.GraphDriver?.Data is { } data && data.TryGetValue("UpperDir", out var upper)
        && Path.GetFullPath(upper).StartsWith(root + "/", StringComparison.Ordinal) && Directory.Exists(upper)
            ? Path.GetFullPath(upper)
            : null;
}
