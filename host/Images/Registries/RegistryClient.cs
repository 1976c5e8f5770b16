using Berth.Configuration;

namespace Berth.Images.Registries;

/// <summary>Opens the talk with a registry: finds its endpoints in hosts.toml, and what credentials each may see.</summary>
public sealed class RegistryClient(Func<ImagesOptions> options, Bandwidth bandwidth, TimeProvider time, ILogger<RegistryClient> logger)
{
    /// <summary>A session for one pull; credentials go to the image's own registry, never to a mirror.</summary>
    internal RegistrySession Open(ImageReference reference, RegistryCredentials? credentials, PullProgress progress)
    {
        var stall = new StallTimer(time);
        var clients = new List<EndpointClient>();
        try
        {
            foreach (var endpoint in HostsFile.Endpoints(options().Registries, reference.Registry))
            {
                var authorizer = new RegistryAuthorizer(endpoint, CredentialsFor(endpoint, reference.Registry, credentials), reference.Path);
                clients.Add(new(endpoint, authorizer, reference.Registry, stall));
            }

            return new(reference, clients, new(stall, bandwidth, progress, time, logger));
        }
        catch
        {
            clients.ForEach(static c => c.Dispose());
            throw;
        }
    }

    private RegistryCredentials? CredentialsFor(RegistryEndpoint endpoint, string registry, RegistryCredentials? given)
    {
        if (!endpoint.IsServer)
        {
            return DockerConfigFile.Find(options().AuthFile, endpoint.Host);
        }

        var isMeant = given is { IsEmpty: false }
            && (given.ServerAddress.Length == 0 || RegistryHostName.Normalise(given.ServerAddress) == RegistryHostName.Normalise(registry));
        return isMeant ? given : DockerConfigFile.Find(options().AuthFile, registry);
    }
}
