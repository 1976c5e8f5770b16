using System.Globalization;
using System.Net;
using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>Gives the guest the pod's names, kernel settings, addresses and routes.</summary>
internal sealed class Network(Reaper reaper)
{
    private const string Classes = "/sys/class/net";

    public async Task ConfigureAsync(Configure request)
    {
        if (request.Hostname is { Length: > 0 } name)
        {
            AgentException.Check(Libc.sethostname(name, System.Text.Encoding.UTF8.GetByteCount(name)), "sethostname", name);
        }

        var names = request.Interfaces.ToDictionary(static i => i, static i => FindByAddress(i.Mac, i.FirstMac));
        // A name that is wanted may be another's: those step aside first.
        foreach (var (wanted, current) in names.Where(static n => n.Key.Name != n.Value).ToList())
        {
            CheckName(wanted.Name);
            names[wanted] = $"moving{current}"[..Math.Min(15, current.Length + 6)];
            await IpAsync("link", "set", "dev", current, "down").ConfigureAwait(false);
            await IpAsync("link", "set", "dev", current, "name", names[wanted]).ConfigureAwait(false);
        }

        foreach (var (wanted, current) in names)
        {
            await UpAsync(wanted, current).ConfigureAwait(false);
        }

        foreach (var route in request.Routes)
        {
            await RouteAsync(route, request.Interfaces).ConfigureAwait(false);
        }

        foreach (var (key, value) in request.Sysctls)
        {
            SetSysctl(key, value);
        }
    }

    private async Task UpAsync(GuestInterface wanted, string current)
    {
        if (current != wanted.Name)
        {
            await IpAsync("link", "set", "dev", current, "name", wanted.Name).ConfigureAwait(false);
        }

        // The address is the pod's already: the network would have nobody to ask about it.
        SetSysctl($"net.ipv6.conf.{wanted.Name}.accept_dad", "0");
        SetSysctl($"net.ipv6.conf.{wanted.Name}.accept_ra", "0");
        if (wanted.FirstMac is not null)
        {
            await IpAsync("link", "set", "dev", wanted.Name, "address", CheckMac(wanted.Mac)).ConfigureAwait(false);
        }

        string[] mtu = wanted.Mtu > 0 ? ["mtu", wanted.Mtu.ToString(CultureInfo.InvariantCulture)] : [];
        await IpAsync(["link", "set", "dev", wanted.Name, .. mtu, "up"]).ConfigureAwait(false);
        foreach (var address in wanted.Addresses)
        {
            if (!IsAddress(address))
            {
                throw AgentException.Invalid($"'{address}' is no address with a prefix length");
            }

            await IpAsync(Family(address), "address", "replace", address, "dev", wanted.Name).ConfigureAwait(false);
        }
    }

    private Task RouteAsync(GuestRoute route, IReadOnlyList<GuestInterface> interfaces)
    {
        if (!IPNetwork.TryParse(route.Destination, out _) || (route.Gateway is { } g && !IPAddress.TryParse(g, out _)))
        {
            throw AgentException.Invalid($"the route {route.Destination} by {route.Gateway} is malformed");
        }

        var device = route.Interface ?? (route.Gateway is null && interfaces.Count > 0 ? interfaces[0].Name : null);
        string[] via = route.Gateway is null ? [] : ["via", route.Gateway];
        string[] dev = device is null ? [] : ["dev", CheckName(device)];
        return IpAsync([Family(route.Destination), "route", "replace", route.Destination, .. via, .. dev]);
    }

    private async Task IpAsync(params string[] arguments)
    {
        var (read, write) = Descriptors.Pipe();
        try
        {
            Task<int> run;
            try
            {
                run = reaper.RunAsync(new(["/bin/busybox", "ip", .. arguments]) { Standard = (-1, write, write) });
            }
            finally
            {
                Descriptors.Close(write);
            }

            if (await run.ConfigureAwait(false) != 0)
            {
                throw new AgentException(GuestErrorCode.Internal, $"ip {string.Join(' ', arguments)}: {Text(read)}");
            }
        }
        finally
        {
            Descriptors.Close(read);
        }
    }

    private static unsafe string Text(int fd)
    {
        const int Most = 1024;
        var buffer = stackalloc byte[Most];
        var count = (int)Libc.read(fd, buffer, Most);
        return System.Text.Encoding.UTF8.GetString(buffer, Math.Max(count, 0)).Trim();
    }

    // A repeated request finds the pod's address where the first one set it.
    private static string FindByAddress(string mac, string? firstMac) =>
        Directory.EnumerateDirectories(Classes).FirstOrDefault(d => AddressOf(d) is { } a && (IsSame(a, mac) || IsSame(a, firstMac))) is { } found
            ? Path.GetFileName(found)
            : throw AgentException.NotFound($"no interface has the address {firstMac ?? mac}");

    private static string AddressOf(string device) => File.ReadAllText(Path.Combine(device, "address")).Trim();

    private static bool IsSame(string address, string? other) => string.Equals(address, other, StringComparison.OrdinalIgnoreCase);

    private static string CheckMac(string mac) => mac.Length == 17 && mac.All(static c => char.IsAsciiHexDigit(c) || c == ':')
        ? mac
        : throw AgentException.Invalid($"'{mac}' is no MAC address");

    private static string Family(string address) => address.Contains(':', StringComparison.Ordinal) ? "-6" : "-4";

    private static bool IsAddress(string text)
    {
        var parts = text.Split('/');
        return parts.Length == 2 && IPAddress.TryParse(parts[0], out var address)
            && byte.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var bits) && bits <= address.GetAddressBytes().Length * 8;
    }

    private static string CheckName(string name) => name is { Length: > 0 and < 16 } && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        ? name
        : throw AgentException.Invalid($"'{name}' is no interface name");

    private static void SetSysctl(string key, string value)
    {
        // sysctl(8): a dot separates, a slash stands for a dot within a name.
        var path = string.Join('/', key.Split('.').Select(static p => p.Replace('/', '.')));
        if (path.Split('/').Any(static p => p is "" or "." or ".."))
        {
            throw AgentException.Invalid($"'{key}' is no kernel setting");
        }

        try
        {
            File.WriteAllText($"/proc/sys/{path}", value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw AgentException.Invalid($"the kernel setting {key} cannot be '{value}': {e.Message}");
        }
    }
}
