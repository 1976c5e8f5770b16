namespace Berth.Tests.Support;

/// <summary>
/// Routing as on a node: the bridge plugin of CNI switches it on, and nobody off. At the end it is as it was before.
/// </summary>
public sealed class Forwarding : IDisposable
{
    private const string Setting = "/proc/sys/net/ipv4/ip_forward";
    private readonly string _before = File.ReadAllText(Setting);

    public Forwarding() => File.WriteAllText(Setting, "1");

    public void Dispose() => File.WriteAllText(Setting, _before);
}
