using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers;

/// <summary>The oom_score_adj of a container that runs: no cgroup has it, and no runtime's update, so it is set process by process.</summary>
internal static class OomScores
{
    // A child made between a look and the write to its parent has the old value: looks go on until there is nobody new.
    private const int MostLooks = 10;

    /// <summary>Sets it of every process that there is; what they start inherits it.</summary>
    /// <returns>False where the host sees none of them: it then stays as it was.</returns>
    public static async Task<bool> SetAsync(IContainer live, int adjustment, CancellationToken cancellationToken)
    {
        var done = new HashSet<int>();
        for (var look = 0; look < MostLooks; look++)
        {
            var fresh = (await live.PidsAsync(cancellationToken)).Where(done.Add).ToList();
            if (fresh.Count == 0)
            {
                break;
            }

            foreach (var pid in fresh)
            {
                ProcessOomScore.Set(pid, adjustment);
            }
        }

        return done.Count > 0;
    }
}
