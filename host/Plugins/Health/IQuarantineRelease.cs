namespace Berth.Plugins.Health;

/// <summary>Lets go of what is quarantined, on an operator's word.</summary>
public interface IQuarantineRelease
{
    /// <summary>All of a plugin has a clean sheet after it.</summary>
    Task ReleaseAsync(string plugin, CancellationToken cancellationToken);
}
