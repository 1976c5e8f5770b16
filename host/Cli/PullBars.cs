using Berth.Admin.Protos;
using Spectre.Console;

namespace Berth.Cli;

/// <summary>A bar for each layer of a pull. At the end all are full: what was not received was here already.</summary>
internal sealed class PullBars(ProgressContext context)
{
    private readonly Dictionary<string, ProgressTask> _bars = [];

    /// <summary>By the layer's digest.</summary>
    public IReadOnlyDictionary<string, ProgressTask> Bars => _bars;

    public void Show(PullImageProgress progress)
    {
        foreach (var layer in progress.Layers)
        {
            if (!_bars.TryGetValue(layer.Digest, out var bar))
            {
                _bars[layer.Digest] = bar = context.AddTask(PullCommand.Short(layer.Digest), maxValue: Math.Max(1, layer.SizeBytes));
            }

            bar.Value = progress.Image is null ? layer.ReceivedBytes : bar.MaxValue;
        }
    }
}
