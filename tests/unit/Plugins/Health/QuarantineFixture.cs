using System.Diagnostics.Metrics;
using Berth.Configuration;
using Berth.Metrics;
using Berth.Plugins.Health;
using Berth.State;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Unit.Plugins.Health;

/// <summary>A quarantine on a database, as the gateway has it.</summary>
internal sealed class QuarantineFixture : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly BerthMetrics _metrics;

    public QuarantineFixture(StateDatabase database, TimeProvider time, Func<HealthOptions>? options = null)
    {
        _metrics = new(_services.GetRequiredService<IMeterFactory>(), time);
        It = new(new(database), options ?? (static () => new()), _metrics, time, NullLogger<Quarantine>.Instance);
        It.Load();
    }

    public Quarantine It { get; }

    public void Dispose()
    {
        _metrics.Dispose();
        _services.Dispose();
    }
}
