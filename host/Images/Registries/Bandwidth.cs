using System.Threading.RateLimiting;
using Berth.Configuration;

namespace Berth.Images.Registries;

/// <summary>The share of the network that downloads may take, all of them together.</summary>
public sealed class Bandwidth : IDisposable
{
    // As many bytes as are read at once, or the limiter would refuse them.
    private const int LargestRead = 256 * 1024;
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(50);

    private readonly TokenBucketRateLimiter? _limiter;

    public Bandwidth(ImagesOptions options)
    {
        if (options.MaxBytesPerSecond > 0)
        {
            var perPeriod = (int)Math.Clamp((long)(options.MaxBytesPerSecond * Period.TotalSeconds), 1, int.MaxValue);
            _limiter = new(new()
            {
                TokenLimit = Math.Max(LargestRead, perPeriod),
                TokensPerPeriod = perPeriod,
                ReplenishmentPeriod = Period,
                QueueLimit = int.MaxValue,
                AutoReplenishment = true,
            });
        }
    }

    /// <summary>The most that one read may ask for.</summary>
    internal int Most => _limiter is null ? int.MaxValue : LargestRead;

    /// <summary>Waits until bytes that have come are within the share; what is not read yet waits in the network.</summary>
    internal async ValueTask TakeAsync(int bytes, CancellationToken cancellationToken)
    {
        if (_limiter is not null && bytes > 0)
        {
            using var lease = await _limiter.AcquireAsync(bytes, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter?.Dispose();
}
