/* Runs one of the offload's programs as the user "offload", who alone can read the credentials: installed set-uid to that user, and
 * for the proxy's group only. The real user stays the proxy's, so that the supervisor can signal it. In a container with
 * no-new-privileges the kernel changes no user, and all else works the same.
 *
 * Whoever is the proxy's user must not be able to make that user run anything else, nor send a file that only this one can read to a server
 * of the caller's choice. So nothing of the caller's environment is passed on, and none of its settings: "as-offload start", which
 * capture-start calls before anything untrusted runs, keeps both as the container was started with them (kept_start.c). Of the
 * environment only what is named here, and nothing that names a file with commands in it (AWS_CONFIG_FILE: credential_process).
 * What it guards against and what not: docs/decisions/0010-offload.md. */

#include "kept_start.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef HOME_OF_THE_CODE
#define HOME_OF_THE_CODE "/opt/cluster-traffic-capture"
#endif

/* "needs_start": whether it can't run without what the container was started with. */
static const struct { const char *name, *module; int needs_start; } PROGRAMS[] = {
    {"offload", "offload", 1},
    {"cloudwatch-agent", "offload.cloudwatch_agent", 1},
    {"credentials", "offload.receive_credentials", 0},
};

static char *const FIXED[] = {
    "PATH=/usr/bin:/bin",
    "HOME=/home/offload",
    "PYTHONPATH=" HOME_OF_THE_CODE,
    "PYTHONUNBUFFERED=1",
    "PYTHONDONTWRITEBYTECODE=1",
};

/* Beside CAPTURE_CONFIG_DIR. */
static const char *const KEPT[] = {
    "CAPTURE_RUNTIME_DIR", "TZ",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE",
    "AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int run(size_t program)
{
    char *environment[LENGTH(FIXED) + LENGTH(KEPT) + 2] = {0};
    int kept = kept_environment(environment + LENGTH(FIXED), LENGTH(KEPT) + 1);

    if (kept < 0 && PROGRAMS[program].needs_start) {
        fprintf(stderr, "as-offload: what the container was started with was not kept; its first lines of 'docker logs' say why\n");
        return 111;
    }
    memcpy(environment, FIXED, sizeof(FIXED));
    environment[LENGTH(FIXED) + (kept < 0 ? 0 : kept)] = NULL;
    /* What it leaves can be removed by the proxy's user, who is of the same group. */
    umask(007);
    if (chdir("/") != 0)
        return 111;
    /* -sP: no code from the user's home or the working directory. */
    char *const words[] = {"python3", "-sP", "-m", (char *)PROGRAMS[program].module, NULL};
    execve("/usr/bin/python3", words, environment);
    perror("as-offload: /usr/bin/python3");
    return 126;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "start") == 0)
        return keep_start(KEPT, LENGTH(KEPT));
    for (size_t i = 0; argc == 2 && i < LENGTH(PROGRAMS); i++)
        if (strcmp(argv[1], PROGRAMS[i].name) == 0)
            return run(i);
    fprintf(stderr, "as-offload: usage: as-offload start|offload|cloudwatch-agent|credentials\n");
    return 100;
}
