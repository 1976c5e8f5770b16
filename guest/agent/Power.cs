using System.Globalization;

namespace Berth.Guest.Agent;

/// <summary>Ends the guest.</summary>
internal static class Power
{
    public const int OffDelayMilliseconds = 50;

    public static void Off()
    {
        // kill(2): from process 1, -1 is everybody else.
        _ = Libc.kill(-1, Libc.SIGKILL);
        Libc.sync();
        _ = Libc.reboot(Libc.RB_POWER_OFF);
    }
}

/// <summary>The guest's clock.</summary>
internal static unsafe class Clock
{
    private static readonly TimeSpan Tolerated = TimeSpan.FromSeconds(1);

    /// <summary>Sets it to the host's, unless they agree: a guest that was stopped has stood still.</summary>
    public static void Follow(DateTimeOffset host)
    {
        if ((host - TimeProvider.System.GetUtcNow()).Duration() > Tolerated)
        {
            var time = stackalloc long[2];
            time[0] = host.ToUnixTimeSeconds();
            time[1] = host.Millisecond * 1_000_000L;
            AgentException.Check(Libc.clock_settime(0, time), "clock_settime", host.ToString(CultureInfo.InvariantCulture));
        }
    }
}
