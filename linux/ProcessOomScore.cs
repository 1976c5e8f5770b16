using System.Globalization;
using System.Text;

namespace Berth.Linux;

/// <summary>How soon the kernel chooses a process when memory is out: proc_pid_oom_score_adj(5). Children inherit it.</summary>
public static class ProcessOomScore
{
    /// <summary>Sets it.</summary>
    /// <returns>False if the process is gone.</returns>
    /// <exception cref="LinuxException">EACCES: it is lower than this process may set.</exception>
    public static bool Set(int pid, int adjustment)
    {
        try
        {
            CgroupFile.Write(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/oom_score_adj"), Encoding.ASCII.GetBytes(adjustment.ToString(CultureInfo.InvariantCulture)));
            return true;
        }
        catch (LinuxException e) when (e.IsNotFound || e.Is(Libc.ESRCH))
        {
            return false;
        }
    }
}
