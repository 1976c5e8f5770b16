namespace Berth.Tests.Support;

/// <summary>
/// Routing as on a node: the bridge plugin of CNI switches it on, and nobody off. At the end it is as it was before.
/// </summary>
public sealed class Forwarding : IDisposable
{
    private readonly string _setting;
    private readonly string _before;

    /// <param name="setting">The kernel's setting, IPv4's by default.</param>
    public Forwarding(string setting = "net/ipv4/ip_forward")
    {
        _setting = "/proc/sys/" + setting;
        _before = File.ReadAllText(_setting);
        File.WriteAllText(_setting, "1");
    }

    public void Dispose() => File.WriteAllText(_setting, _before);
}
