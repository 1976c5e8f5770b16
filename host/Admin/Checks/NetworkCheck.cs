namespace Berth.Admin.Checks;

/// <summary>CNI and forwarding.</summary>
/// <param name="cniProblem">Why pods cannot have a network; null if they can.</param>
public sealed class NetworkCheck(Func<string?> cniProblem) : IDoctorCheck
{
    private const string ForwardPath = "/proc/sys/net/ipv4/ip_forward";

    public string Subject => "network";

    public IEnumerable<DoctorFinding> Examine()
    {
        yield return cniProblem() is { } problem
            ? DoctorFinding.Error("CNI", problem, "install a CNI configuration and its plugins (network.confDir, network.binDirs)")
            : DoctorFinding.Ok("CNI", "a configuration is in force");
        yield return File.ReadAllText(ForwardPath).Trim() == "1"
            ? DoctorFinding.Ok("forwarding", "net.ipv4.ip_forward is 1")
            : DoctorFinding.Warning("forwarding", "net.ipv4.ip_forward is 0: pods reach this machine only", "sysctl -w net.ipv4.ip_forward=1");
    }
}
