using System.Globalization;
using Berth.Abstractions;

namespace Berth.Plugins.Rkt;

/// <summary>A stage 1 that runs, or ran. Whoever started it, its supervisor holds the pod's lock and writes how it ended.</summary>
internal sealed class Machine
{
    private Machine(Stage1 stage1, Task<ProcessExit> exit) => (Stage1, Exit) = (stage1, exit);

    public Stage1 Stage1 { get; }

    public Task<ProcessExit> Exit { get; }

    /// <summary>Follows it to its end; a supervisor that is gone already has left its file, or not.</summary>
    /// <param name="stage1">The machine.</param>
    /// <param name="ended">The supervisor's end.</param>
    /// <param name="tools">The tools.</param>
    public static Machine Follow(Stage1 stage1, Task ended, Tools tools) => new(stage1, FollowAsync(stage1, ended, tools));

    /// <summary>Takes over one of an earlier gateway process.</summary>
    public static Machine Adopt(Stage1 stage1, Tools tools) => Follow(stage1, EndedAsync(stage1.Pod), tools);

    private static async Task EndedAsync(PodFolder pod)
    {
        using var supervisor = Tools.Hold(RktJson.ReadFile<ProcessRecord>(pod.Supervisor));
        if (supervisor is not null)
        {
            await supervisor.ExitedAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static async Task<ProcessExit> FollowAsync(Stage1 stage1, Task ended, Tools tools)
    {
        await ended.ConfigureAwait(false);
        try
        {
            // If the supervisor was killed, what it supervised lives on.
            await tools.CgroupOf(stage1.Manifest.Overhead).KillAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            tools.Log.Write(PluginLogLevel.Error, $"machine {stage1.Pod.MachineName} has ended, but processes of it may be left: {e.Message}");
        }

        return ExitFile.Read(stage1.Pod.Exit) ?? ExitFile.Lost("the pod's supervisor was killed", tools.Clock);
    }
}

/// <summary>A file with an exit status, as the supervisors of machine and apps write it; its time is the file's.</summary>
internal static class ExitFile
{
    public static ProcessExit? Read(string path)
    {
        try
        {
            var known = int.TryParse(File.ReadAllText(path), NumberStyles.AllowLeadingSign | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var code)
                && code is >= 0 and <= 255;
            return new()
            {
                Code = known ? code : 255,
                FinishedAt = new(File.GetLastWriteTimeUtc(path), TimeSpan.Zero),
                LostReason = known ? null : "the supervisor saw an end without a status",
            };
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public static ProcessExit Lost(string reason, TimeProvider clock) =>
        new() { Code = 255, FinishedAt = clock.GetUtcNow(), LostReason = $"the exit status is lost: {reason}" };
}
