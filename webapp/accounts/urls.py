"""Addresses of the accounts pages."""

from django.urls import path

from webapp.accounts.views import signing, team, tokens

app_name = "accounts"

urlpatterns = [
    path("sign-in/", signing.SignIn.as_view(), name="sign_in"),
    path("sign-in/<str:secret>/", signing.sign_in_link, name="sign_in_link"),
    path("sign-out/", signing.SignOut.as_view(), name="sign_out"),
    path("team/switch/", signing.switch_team, name="switch_team"),
    path("team/", team.members, name="members"),
    path("team/add/", team.add, name="add_member"),
    path("team/members/<int:membership_id>/role/", team.update_role, name="update_role"),
    path("team/members/<int:membership_id>/remove/", team.remove, name="remove_member"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/create/", tokens.create, name="create_token"),
    path("tokens/<int:token_id>/revoke/", tokens.revoke, name="revoke_token"),
]
