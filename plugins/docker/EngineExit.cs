using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>The end of a container as the Engine tells it, however often the Engine itself is away meanwhile.</summary>
internal static class EngineExit
{
    public const int LostCode = 255;

    // As containerd reports a container that could not start.
    public const int RefusedCode = 128;

    private const int KilledCode = 137;
    private const int MostLooks = 12;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100), LongestPause = TimeSpan.FromSeconds(5);

    public static ProcessExit Lost(string reason, TimeProvider clock) => new() { Code = LostCode, FinishedAt = clock.GetUtcNow(), LostReason = reason };

    /// <summary>Waits for the end, and asks how it was.</summary>
    /// <param name="engineId">The container.</param>
    /// <param name="kernelTells">Kills for lack of memory are known without the Engine.</param>
    /// <param name="tools">The handler's.</param>
    public static async Task<ProcessExit> WaitAsync(string engineId, bool kernelTells, HandlerTools tools)
    {
        for (var pause = FirstPause; ; pause = pause * 2 > LongestPause ? LongestPause : pause * 2)
        {
            try
            {
                await tools.Objects.WaitAsync(engineId, tools.Stopping).ConfigureAwait(false);
                var state = (await tools.Objects.InspectAsync(engineId, tools.Stopping).ConfigureAwait(false)).State!;
                if (!state.Running)
                {
                    state = kernelTells ? state : await WithOutOfMemoryAsync(engineId, state, tools).ConfigureAwait(false);
                    return new()
                    {
                        Code = (int)state.ExitCode & 0xFF,
                        FinishedAt = EngineObjects.Moment(state.FinishedAt) ?? tools.Clock.GetUtcNow(),
                        OutOfMemory = state.OOMKilled,
                    };
                }
            }
            catch (RuntimeException e) when (e.Code == RuntimeErrorCode.NotFound)
            {
                return Lost("the container was removed from the Docker Engine by somebody else", tools.Clock);
            }
            catch (RuntimeException e)
            {
                tools.Log.Write(PluginLogLevel.Debug, $"container {engineId} has ended; asking again how: {e.Message}");
            }

            await Task.Delay(pause, tools.Clock, tools.Stopping).ConfigureAwait(false);
        }
    }

    // The Engine hears of the end and of the kernel's kill on two ways, and of the latter often later.
    private static async Task<State> WithOutOfMemoryAsync(string engineId, State state, HandlerTools tools)
    {
        for (var tries = 0; state is { ExitCode: KilledCode, OOMKilled: false } && tries < MostLooks; tries++)
        {
            await Task.Delay(LookAgain, tools.Clock, tools.Stopping).ConfigureAwait(false);
            state = (await tools.Objects.InspectAsync(engineId, tools.Stopping).ConfigureAwait(false)).State!;
        }

        return state;
    }
}
