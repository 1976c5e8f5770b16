namespace Berth.Remoting.Client;

/// <summary>A plugin may write a thousand lines at once, and a hundred a second; more are counted and dropped.</summary>
internal sealed class LogLimit(TimeProvider time)
{
    private const double Burst = 1000, PerSecond = 100;

    private double _left = Burst;
    private long _last = time.GetTimestamp();
    private int _dropped;

    /// <summary>Whether the next line may be written, and how many were dropped before it.</summary>
    public bool MayPass(out int dropped)
    {
        _left = Math.Min(Burst, _left + (time.GetElapsedTime(_last).TotalSeconds * PerSecond));
        _last = time.GetTimestamp();
        dropped = _dropped;
        if (_left < 1)
        {
            _dropped++;
            return false;
        }

        (_left, _dropped) = (_left - 1, 0);
        return true;
    }
}
